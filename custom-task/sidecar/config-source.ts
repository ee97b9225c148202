import { readFile, stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { ConfigError } from './config.ts'

const maxConfigBytes = 1_048_576

const example = '--config /etc/tokenbroker/sidecar.yaml'

export const usage = `Usage: sidecar --config FILE | --config-json TEXT

Fetches and renews the tokens of a pod, as files and over a local token endpoint. YAML or JSON; every key is described in
docs/reference/sidecar-config.md. Environment: LOG_LEVEL (debug, info, warn, error). SIGTERM stops: the files go away.
`

/** The command line is not one that the sidecar takes. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * The configuration as the command line gives it, not yet checked.
 *
 * @returns `help` where that is what was asked for
 * @throws UsageError when the arguments are wrong
 * @throws ConfigError when the file or its syntax is wrong
 */
export async function readConfig(args: readonly string[]): Promise<{ readonly value: unknown } | 'help'> {
  const { config, 'config-json': inline, help } = parseArguments(args)
  if (help) return 'help'
  if ((config === undefined) === (inline === undefined)) throw new UsageError('not one source')
  const value =
    config === undefined ? parseText(inline ?? '', '--config-json') : parseText(await readText(config), config)
  return { value: await value }
}

function parseArguments(args: readonly string[]) {
  try {
    const options = {
      config: { type: 'string' },
      'config-json': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    } as const
    return parseArgs({ args: [...args], options }).values
  } catch (cause) {
    throw new UsageError('unknown arguments', { cause })
  }
}

async function readText(path: string): Promise<string> {
  try {
    if ((await stat(path)).size <= maxConfigBytes) return await readFile(path, 'utf8')
  } catch {
    throw new ConfigError([{ key: '--config', expectation: `a file that can be read, not ${path}`, example: example }])
  }
  throw new ConfigError([{ key: '--config', expectation: `at most ${maxConfigBytes} bytes`, example: example }])
}

/** JSON is read without the YAML library: a sidecar is in every pod, and what it does not load costs no memory. */
async function parseText(text: string, name: string): Promise<unknown> {
  try {
    if (text.trimStart().startsWith('{')) return JSON.parse(text)
    // By its default export: in a bundle a CommonJS module that is imported on demand has no other.
    const { default: yaml } = await import('yaml')
    return yaml.parse(text, { maxAliasCount: 0, logLevel: 'error' })
  } catch {
    // The parser's own message would quote the text.
    throw new ConfigError([{ key: name, expectation: 'YAML or JSON', example: '{"broker": {…}, "steps": […]}' }])
  }
}
