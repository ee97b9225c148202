import { Buffer } from 'node:buffer'
import { Problem } from '../../core/problem.ts'
import type { Secret } from '../../core/secret.ts'

/** Limits before any cryptography. @see RFC 8725 §3; docs/architecture.md#limits */
export const tokenLimits = { tokenLength: 16_384, headerBytes: 2048, kidLength: 256 } as const

/** What an unverified token says of itself; good for look-ups in our own tables and nothing else. */
export interface InspectedToken {
  readonly algorithm: string
  readonly kid: string
  readonly issuer: string
  /** Worth nothing before the signature was checked. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** Header members that would let a token choose its own key or meaning; none is needed here. */
const forbiddenHeaders = ['jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'crit', 'b64', 'zip', 'enc']

const compactJws = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/**
 * The cheap checks: size, alphabet, canonical base64url, header members. No I/O, no cryptography.
 *
 * Canonical, because base64url is malleable: several texts decode to the same signature, and a token must have one name.
 *
 * @throws Problem `subject_token_malformed` or `subject_token_forbidden_header`
 */
export function inspectToken(token: Secret): InspectedToken {
  if (token.length > tokenLimits.tokenLength) throw malformed('over the length limit')
  const text = token.reveal()
  if (!compactJws.test(text)) throw malformed('not a compact JWS of three canonical parts')
  const [headerPart = '', payloadPart = '', signaturePart = ''] = text.split('.')
  const header = readObject(headerPart, tokenLimits.headerBytes)
  const payload = readObject(payloadPart, tokenLimits.tokenLength)
  requireCanonical(signaturePart)
  const forbidden = forbiddenHeaders.filter((name) => name in header)
  if (forbidden.length > 0) {
    throw new Problem('subject_token_forbidden_header', { detail: `header has ${forbidden.join(' ')}` })
  }
  const { alg, kid, typ } = header
  if (typeof alg !== 'string' || typeof kid !== 'string' || kid.length > tokenLimits.kidLength) {
    throw malformed('alg or kid is missing or no text')
  }
  if (typ !== undefined && typ !== 'JWT') throw malformed('typ is not JWT')
  const issuer = payload['iss']
  if (typeof issuer !== 'string') throw malformed('iss is missing or no text')
  return { algorithm: alg, kid, issuer, claims: payload }
}

function readObject(part: string, maxBytes: number): Readonly<Record<string, unknown>> {
  const bytes = requireCanonical(part)
  if (bytes.byteLength > maxBytes) throw malformed('a part is over the size limit')
  const value = parseJson(bytes)
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw malformed('a part is no JSON object')
  return value as Record<string, unknown>
}

function requireCanonical(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url')
  if (bytes.toString('base64url') !== part) throw malformed('base64url is not canonical')
  return bytes
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch (cause) {
    throw new Problem('subject_token_malformed', { detail: 'a part is no JSON in UTF-8', cause: sanitized(cause) })
  }
}

/** V8 quotes the text it could not parse, and here that text is a credential. */
function sanitized(cause: unknown): Error {
  return new Error(cause instanceof Error ? cause.name : 'unreadable')
}

function malformed(detail: string): Problem {
  return new Problem('subject_token_malformed', { detail })
}
