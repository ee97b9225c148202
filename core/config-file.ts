import type { z } from 'zod'

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
  const parsed = schema.safeParse(document ?? {})
  if (parsed.success) return { ok: true, value: parsed.data }
  return {
    ok: false,
    issues: parsed.error.issues.map((issue) => ({
      key: issue.path.length === 0 ? '(whole file)' : issue.path.map(String).join('.'),
      expectation: expectationOf(issue, document),
    })),
  }
}

function expectationOf(issue: z.core.$ZodIssue, document: unknown): string {
  const value = issue.path.reduce<unknown>((found, step) => (isRecord(found) ? found[step] : undefined), document)
  return issue.code === 'invalid_type' && value === undefined ? `missing: expected ${issue.expected}` : issue.message
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
