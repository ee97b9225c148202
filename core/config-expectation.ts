import { z } from 'zod'

type RawIssue = z.core.$ZodRawIssue

/** Words for the types of YAML and JSON; what is not listed is named as zod does. */
const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
}

/** What a key takes, in the words of this project and without the value; for `error` of a zod parse. */
export function expectation(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${typeNames[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `expected ${issue.values.map(String).join(' or ')}`
    case 'too_small':
      return `expected ${bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}`
    case 'too_big':
      return `expected ${bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`
    case 'invalid_format':
      return issue.format === 'url' ? 'expected a URL' : `expected text of the form ${issue.pattern ?? issue.format}`
    default:
      return 'not usable'
  }
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  const unit = origin === 'string' ? 'character' : origin === 'array' ? 'entry' : undefined
  if (unit === undefined) return `${relation} ${limit}`
  const plural = unit === 'entry' ? 'entries' : 'characters'
  return `${relation} ${limit} ${Number(limit) === 1 ? unit : plural}`
}

/** The keys that a schema knows at a path; none where no object is. */
export function knownKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at = unwrap(schema)
  for (const step of path) {
    if (at instanceof z.ZodObject) at = unwrap(at.shape[String(step)])
    else if (at instanceof z.ZodArray) at = unwrap(at.element)
    else return []
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodPipe) return unwrap(schema.in)
  const isWrapped = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
  return isWrapped ? unwrap(schema.unwrap()) : schema
}

/** Typing errors up to a third of the word. */
export function nearestKey(key: string, known: readonly string[]): string | undefined {
  const typed = plain(key)
  const [nearest] = known
    .map((name) => ({ name, distance: editDistance(typed, plain(name)) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .toSorted((a, b) => a.distance - b.distance)
  return nearest?.name
}

/** `token_url` and `tokenURL` are meant for `tokenUrl`. */
function plain(key: string): string {
  return key.toLowerCase().replaceAll(/[_-]/g, '')
}

/** Insertions, deletions and replacements that make one word of the other. @see Levenshtein */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
