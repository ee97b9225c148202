const partPattern = /^[A-Za-z0-9_-]+$/
const maxLength = 16 * 1024

/**
 * True for the one text form of a signed JWT. Decoders take more (a newline at the end, padding, other last bits), and
 * a token must not have two names.
 *
 * @see RFC 8725bis §3.15
 */
export function isCanonicalJws(text: string): boolean {
  if (text.length > maxLength) return false
  const parts = text.split('.')
  return parts.length === 3 && parts.every(isCanonicalPart)
}

function isCanonicalPart(part: string): boolean {
  return partPattern.test(part) && Buffer.from(part, 'base64url').toString('base64url') === part
}
