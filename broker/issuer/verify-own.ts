import type { KeyObject } from 'node:crypto'
import { errors, type JWTHeaderParameters, jwtVerify } from 'jose'
import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import type { Secret } from '../../core/secret.ts'
import type { SigningKey } from './signing-key.ts'
import { isCanonicalJws } from './token-text.ts'

const text = z.string().min(1).max(4096)
const time = z.int().min(0)

const schema = z.looseObject({
  iss: text,
  aud: text,
  sub: text,
  client_id: text,
  scope: z.string().max(16_384),
  iat: time,
  nbf: time,
  exp: time,
  jti: text,
})

/** Claims of an access token that this issuer signed and that has not expired. */
export type OwnClaims = Readonly<z.output<typeof schema>>

interface Options {
  readonly issuer: string
  readonly clock: Clock
  readonly accessKeys: () => ReadonlyMap<string, SigningKey>
}

const headerNames = new Set(['alg', 'kid', 'typ'])
const accessTokenTypes = new Set([undefined, 'at+jwt', 'JWT'])

/**
 * Makes the check whether a token is an access token of ours. It is not when anything about it is unusual: text form,
 * header members, key, claims.
 */
export function createVerifyOwn(options: Options): (token: Secret) => Promise<OwnClaims | undefined> {
  const { issuer, clock, accessKeys } = options

  function keyFor(header: JWTHeaderParameters): KeyObject {
    const key = accessKeys().get(header.kid ?? '')
    const isOurs =
      key !== undefined &&
      key.algorithm === header.alg &&
      accessTokenTypes.has(header.typ) &&
      Object.keys(header).every((name) => headerNames.has(name))
    if (!isOurs) throw new errors.JWKSNoMatchingKey()
    return key.publicKey
  }

  return async (token) => {
    const jws = token.reveal()
    if (!isCanonicalJws(jws)) return undefined
    try {
      const { payload } = await jwtVerify(jws, (header) => keyFor(header), {
        issuer,
        algorithms: ['RS256', 'ES256', 'EdDSA'],
        currentDate: clock(),
      })
      return schema.safeParse(payload).data
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined
      throw error
    }
  }
}
