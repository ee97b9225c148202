import { readFile, stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { parseDocument } from 'yaml'
import type { z } from 'zod'
import { explainConfigIssues, parseConfig } from '../config-file.ts'
import { errorCode } from './error-code.ts'

const maxBytes = 1_048_576

interface Options<S extends z.ZodType> {
  readonly schema: S
  /** Shown by `--help` and where `--config` is missing. */
  readonly usage: string
  /** A file that works, shown beside the problems of one that does not. */
  readonly example: string
}

export type ProcessConfig<T> =
  | { readonly kind: 'config'; readonly value: T }
  | { readonly kind: 'help'; readonly text: string }
  /** `text` is all that is wrong, for a person; it repeats no value of the file. */
  | { readonly kind: 'unusable'; readonly text: string }

/** What `--config FILE` says, checked; YAML or JSON. The same for every process that has a configuration file. */
export async function readProcessConfig<S extends z.ZodType>(
  args: readonly string[],
  { schema, usage, example }: Options<S>,
): Promise<ProcessConfig<z.output<S>>> {
  const asked = parseArguments(args)
  if (asked === 'help') return { kind: 'help', text: usage }
  if (asked?.file === undefined)
    return { kind: 'unusable', text: `--config FILE is missing, or something is beside it\n\n${usage}` }
  const { file } = asked
  const read = await readText(file)
  if (read.problem !== undefined) return { kind: 'unusable', text: `${file} ${read.problem}` }
  const document = parseYaml(read.text)
  if (document.problem !== undefined) return { kind: 'unusable', text: `${file}${document.problem}` }
  const parsed = parseConfig(schema, document.value)
  return parsed.ok
    ? { kind: 'config', value: parsed.value }
    : { kind: 'unusable', text: explainConfigIssues(file, parsed.issues, example) }
}

function parseArguments(args: readonly string[]): { readonly file: string | undefined } | 'help' | undefined {
  try {
    const options = { config: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const
    const { values } = parseArgs({ args: [...args], options })
    return values.help ? 'help' : { file: values.config }
  } catch {
    return undefined
  }
}

type Read = { readonly text: string; readonly problem?: undefined } | { readonly problem: string }

async function readText(file: string): Promise<Read> {
  try {
    const { size } = await stat(file)
    return size > maxBytes ? { problem: `is over ${maxBytes} bytes` } : { text: await readFile(file, 'utf8') }
  } catch (error) {
    return {
      problem: `cannot be read (${errorCode(error) ?? 'unknown error'}): name a file with --config that this user may read`,
    }
  }
}

type Document = { readonly value: unknown; readonly problem?: undefined } | { readonly problem: string }

/**
 * The parser's own messages quote the file, which may hold what should not be in a log; its warnings go to standard
 * error unasked, so they are taken for errors.
 */
function parseYaml(text: string): Document {
  const document = parseDocument(text, { logLevel: 'error' })
  const [wrong] = [...document.errors, ...document.warnings]
  if (wrong !== undefined) return unusable(wrong.linePos?.[0].line)
  try {
    return { value: document.toJS({ maxAliasCount: 0 }) }
  } catch {
    return unusable(undefined)
  }
}

function unusable(line: number | undefined): Document {
  const where = line === undefined ? '' : `, line ${line}`
  return { problem: `${where}: no YAML that can be used: one document, every key once, no aliases, no tags` }
}
