import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { parse as parseYaml } from 'yaml'
import type { z } from 'zod'
import { explainConfigIssues, parseConfig } from '../config-file.ts'

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
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => cause)
  if (text instanceof Error) return { kind: 'unusable', text: `${file} cannot be read: ${text.code ?? text.name}` }
  const document = parseDocument(text)
  if (document === undefined) return { kind: 'unusable', text: `${file} is no YAML` }
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

/** The parser's own message quotes the file, which may hold what should not be in a log. */
function parseDocument(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: parseYaml(text, { maxAliasCount: 0 }) }
  } catch {
    return undefined
  }
}
