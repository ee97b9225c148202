/** Names that hold a credential wherever they turn up. */
const credentialFields = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'token',
  'access_token',
  'refresh_token',
  'id_token',
  'subject_token',
  'actor_token',
  'assertion',
  'client_assertion',
  'client_secret',
  'password',
  'private_key',
])

const censor = '[redacted]'

/**
 * The second net under `Secret`: the fields of a log line without the values of those that hold a credential, two levels
 * deep. The same object when there is nothing to take out. By hand, because pino's `redact` compiles its 45 paths with
 * wildcards into a walk of the whole line for each of them: a tenth of an exchange.
 *
 * @param leave values that a serialiser will replace
 */
export function withoutCredentials(
  fields: Readonly<Record<string, unknown>>,
  leave: (name: string, value: object) => boolean = () => false,
  depth = 2,
): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    const shown = shownValue(name, value, leave, depth)
    if (shown === value) continue
    copy ??= (Array.isArray(fields) ? [...fields] : { ...fields }) as Record<string, unknown>
    copy[name] = shown
  }
  return copy ?? (fields as Record<string, unknown>)
}

function shownValue(
  name: string,
  value: unknown,
  leave: (name: string, value: object) => boolean,
  depth: number,
): unknown {
  if (value === undefined) return value
  if (credentialFields.has(name)) return censor
  if (depth === 0 || typeof value !== 'object' || value === null) return value
  // What says itself how it is written (a Secret, a Date) has no fields of its own on the line.
  if ('toJSON' in value || leave(name, value)) return value
  return withoutCredentials(value as Record<string, unknown>, leave, depth - 1)
}
