import { readFile, stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { ConfigError } from './config.ts'

const maxConfigBytes = 1_048_576

const usage = {
  key: 'arguments',
  expectation: '--config <file> (YAML or JSON) or --config-json <text>, one of them',
  example: '--config /etc/tokenbroker/sidecar.yaml',
}

/**
 * The configuration as the command line gives it, not yet checked.
 *
 * @throws ConfigError when the arguments, the file or its syntax are wrong
 */
export async function readConfig(args: readonly string[]): Promise<unknown> {
  const { config, 'config-json': inline } = parseArguments(args)
  if ((config === undefined) === (inline === undefined)) throw new ConfigError([usage])
  return config === undefined ? parseText(inline ?? '', '--config-json') : parseText(await readText(config), config)
}

function parseArguments(args: readonly string[]): { readonly config?: string; readonly 'config-json'?: string } {
  try {
    const options = { config: { type: 'string' }, 'config-json': { type: 'string' } } as const
    return parseArgs({ args: [...args], options }).values
  } catch {
    throw new ConfigError([usage])
  }
}

async function readText(path: string): Promise<string> {
  try {
    if ((await stat(path)).size <= maxConfigBytes) return await readFile(path, 'utf8')
  } catch {
    throw new ConfigError([
      { key: '--config', expectation: `a file that can be read, not ${path}`, example: usage.example },
    ])
  }
  throw new ConfigError([{ key: '--config', expectation: `at most ${maxConfigBytes} bytes`, example: usage.example }])
}

/** JSON is read without the YAML library: a sidecar is in every pod, and what it does not load costs no memory. */
async function parseText(text: string, name: string): Promise<unknown> {
  try {
    if (text.trimStart().startsWith('{')) return JSON.parse(text)
    const { parse } = await import('yaml')
    return parse(text, { maxAliasCount: 0, logLevel: 'error' })
  } catch {
    // The parser's own message would quote the text.
    throw new ConfigError([{ key: name, expectation: 'YAML or JSON', example: '{"broker": {…}, "steps": […]}' }])
  }
}
