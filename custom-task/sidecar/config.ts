import type * as z from 'zod/mini'
import { type ConfigField, configFields } from './config-fields.ts'
import { configSchema, type SidecarConfig } from './config-schema.ts'

/** One thing to mend, for the person who wrote the configuration; holds no value of it. */
export interface ConfigProblem {
  readonly key: string
  readonly expectation: string
  readonly example: string
}

/** The configuration cannot be used; `problems` are all of them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(`The configuration has ${problems.length} problem(s)`)
    this.problems = problems
  }
}

/** @throws ConfigError with every problem at once */
export function parseConfig(value: unknown): SidecarConfig {
  const parsed = configSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.flatMap(describeIssue)
  const seen = new Map(problems.map((problem) => [`${problem.key} ${problem.expectation}`, problem]))
  throw new ConfigError([...seen.values()])
}

/** The problems as text, one per line. */
export function formatProblems(problems: readonly ConfigProblem[]): string {
  return problems
    .map(({ key, expectation, example }) => `  ${key}: expected ${expectation}; example: ${example}\n`)
    .join('')
}

function describeIssue(issue: z.core.$ZodIssue): readonly ConfigProblem[] {
  if (issue.code !== 'unrecognized_keys') return [describeKey(issue.path)]
  return issue.keys.map((key) => unknownKey([...issue.path, key]))
}

function describeKey(path: readonly PropertyKey[]): ConfigProblem {
  const field: ConfigField = knownField(path)
  return { key: spell(path), expectation: field.expectation, example: field.example }
}

function unknownKey(path: readonly PropertyKey[]): ConfigProblem {
  const parent = path.length > 1 ? `${generic(path.slice(0, -1))}.` : ''
  const known = Object.keys(configFields)
    .filter((key) => key.startsWith(parent) && !/[.[]/.test(key.slice(parent.length)))
    .map((key) => key.slice(parent.length))
  return { key: spell(path), expectation: `no such key, but one of ${known.join(', ')}`, example: known[0] ?? '' }
}

/** The nearest field that is described: an element of a list is its list's. */
function knownField(path: readonly PropertyKey[]): ConfigField {
  for (let length = path.length; length > 0; length -= 1) {
    const found = Object.entries(configFields).find(([key]) => key === generic(path.slice(0, length)))
    if (found !== undefined) return found[1]
  }
  return { meaning: '', expectation: 'an object with broker and steps', example: '{"broker": {…}, "steps": […]}' }
}

function generic(path: readonly PropertyKey[]): string {
  return join(path, () => '[]')
}

function spell(path: readonly PropertyKey[]): string {
  return path.length === 0 ? '(the whole)' : join(path, (index) => `[${index}]`)
}

function join(path: readonly PropertyKey[], index: (at: number) => string): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return text + index(part)
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')
}
