/**
 * Reads a `Retry-After` header.
 *
 * @returns whole seconds from `now`, never negative; undefined when the header is absent or unreadable
 * @see RFC 9110 §10.2.3
 */
export function parseRetryAfter(header: string | readonly string[] | undefined, now: Date): number | undefined {
  if (typeof header !== 'string') return undefined
  const text = header.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text)
  // An HTTP-date begins with a day name; Date.parse alone would take things such as "-1" for a year.
  const at = /^[A-Z][a-z]+, /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now.getTime()) / 1000))
}
