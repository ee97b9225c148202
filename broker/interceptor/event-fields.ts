/** What policy may use as `event.<name>`. */
export type EventFields = Readonly<Record<string, string | number | boolean>>

/** Longest text of a field; a longer one is left out, and a rule that needs it refuses. */
const maxText = 512

/** Fields without those that are missing, or too long to be what they are called. */
export function eventFields(found: Readonly<Record<string, unknown>>): EventFields {
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, string | number | boolean] => isScalar(entry[1])),
  )
}

/**
 * Reads a place of a JSON document.
 *
 * @see RFC 6901 §4
 */
export function atPointer(document: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>(
      (value, token) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, token)
          ? (value as Readonly<Record<string, unknown>>)[token]
          : undefined,
      document,
    )
}

function isScalar(value: unknown): boolean {
  if (typeof value === 'string') return value.length > 0 && value.length <= maxText
  return typeof value === 'boolean' || Number.isSafeInteger(value)
}
