import { Problem } from '../problem.ts'

/** Limits of one form. @see docs/architecture.md#limits */
export const formLimits = { bodyBytes: 32_768, parameters: 16, valueLength: 16_384, nameLength: 64 } as const

/** Parameters of one form, each there once; only the RFC decides which may repeat, and here none may. */
export type Form = ReadonlyMap<string, string>

/**
 * Reads `application/x-www-form-urlencoded`, refusing whatever another reader might take differently: repeated or
 * empty parameters, broken percent-encoding, text that is not UTF-8, control characters.
 *
 * @throws Problem `malformed_request` or `request_too_large`
 * @see RFC 6749 §3.2: parameters without a value are treated as omitted, and none may be included more than once
 */
export function parseForm(body: string): Form {
  const form = new Map<string, string>()
  if (body === '') return form
  const pairs = body.split('&', formLimits.parameters + 1)
  if (pairs.length > formLimits.parameters) throw new Problem('request_too_large', { detail: 'too many parameters' })
  requireCleanText(body)
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    if (equals < 1) throw new Problem('malformed_request', { detail: 'a parameter without a name or a value' })
    const name = decode(pair.slice(0, equals))
    const value = decode(pair.slice(equals + 1))
    if (name.length > formLimits.nameLength || value.length > formLimits.valueLength) {
      throw new Problem('request_too_large', { detail: 'a parameter is over the limit' })
    }
    if (value === '') throw new Problem('malformed_request', { detail: 'an empty parameter' })
    if (form.has(name)) throw new Problem('malformed_request', { detail: 'a repeated parameter' })
    form.set(name, value)
  }
  return form
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
const controlCharacters = /[\u0000-\u001f\u007f]/

function requireCleanText(text: string): void {
  if (controlCharacters.test(text) || !text.isWellFormed()) {
    throw new Problem('malformed_request', { detail: 'a control character or broken text' })
  }
}

function decode(text: string): string {
  const plain = text.includes('+') ? text.replaceAll('+', ' ') : text
  // Most values, tokens above all, need no decoding, and were looked at with the whole body.
  if (!plain.includes('%')) return plain
  const decoded = decodePercent(plain)
  requireCleanText(decoded)
  return decoded
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new Problem('malformed_request', { detail: 'broken percent-encoding', cause })
  }
}
