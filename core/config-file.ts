import type { z } from 'zod'
import { expectation, knownKeys, nearestKey } from './config-expectation.ts'

/** What is wrong with one key of a configuration file, with the mend. */
export interface ConfigIssue {
  readonly key: string
  readonly expectation: string
}

export type ParsedConfig<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly ConfigIssue[] }

/**
 * Checks a configuration against its schema and collects every problem at once. Values are not repeated: a credential
 * may stand in the wrong place.
 */
export function parseConfig<S extends z.ZodType>(schema: S, document: unknown): ParsedConfig<z.output<S>> {
  const parsed = schema.safeParse(document ?? {}, { error: expectation })
  if (parsed.success) return { ok: true, value: parsed.data }
  return { ok: false, issues: parsed.error.issues.flatMap((issue) => issuesOf(issue, schema, document)) }
}

function issuesOf(issue: z.core.$ZodIssue, schema: z.ZodType, document: unknown): readonly ConfigIssue[] {
  const { path } = issue
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, knownKeys(schema, path)))
  const isMissing = issue.code !== 'custom' && valueAt(path, document ?? {}) === undefined
  return [{ key: spell(path), expectation: isMissing ? `missing, ${issue.message}` : issue.message }]
}

/** A key that is no word may be something else, such as a token: it is not repeated. */
function unknownKey(path: readonly PropertyKey[], key: string, known: readonly string[]): ConfigIssue {
  const isWord = /^[A-Za-z_-]{1,32}$/.test(key)
  const nearest = isWord ? nearestKey(key, known) : undefined
  const mend = nearest === undefined ? `known are ${known.join(', ')}` : `did you mean ${nearest}?`
  return { key: spell([...path, isWord ? key : '(a key)']), expectation: `no such key; ${mend}` }
}

function spell(path: readonly PropertyKey[]): string {
  return path.length === 0 ? '(whole file)' : path.map(String).join('.')
}

function valueAt(path: readonly PropertyKey[], document: unknown): unknown {
  return path.reduce<unknown>((found, step) => (isRecord(found) ? found[step] : undefined), document)
}

function isRecord(value: unknown): value is Readonly<Record<PropertyKey, unknown>> {
  return typeof value === 'object' && value !== null
}

/** The problems as a person reads them, one line each, with an example of a file that works. */
export function explainConfigIssues(file: string, issues: readonly ConfigIssue[], example: string): string {
  const lines = issues.map(({ key, expectation }) => `  ${key}: ${expectation}`)
  const indented = example
    .trim()
    .split('\n')
    .map((line) => `  ${line}`)
  return [`${file} cannot be used:`, ...lines, 'A file that works:', ...indented].join('\n')
}
