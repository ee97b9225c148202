import { parseForm } from '../core/oauth/form.ts'
import { Problem } from '../core/problem.ts'
import { Secret } from '../core/secret.ts'
import { jsonAnswer } from './answer.ts'
import type { ServeCaller } from './caller-door.ts'
import { type AllowedCaller, isSameAccount } from './callers.ts'
import type { Introspection, IntrospectionCaller } from './issuer/introspect.ts'

interface Deps {
  readonly introspect: (token: Secret, caller: IntrospectionCaller) => Promise<Introspection>
  readonly callers: readonly (AllowedCaller & { readonly audiences: readonly string[] })[]
}

/**
 * `POST /introspect` for the callers that the configuration lists. About an audience that is not theirs the answer is
 * the same as about a token that does not exist.
 *
 * @see RFC 7662
 */
export function createIntrospectionEndpoint({ introspect, callers }: Deps): ServeCaller {
  return async function introspection(caller, { body }) {
    const allowed = callers.filter((one) => isSameAccount(caller, one))
    if (allowed.length === 0) throw new Problem('caller_not_allowed', { detail: 'not listed in introspection.callers' })
    const token = requiredToken(body)
    const audiences = new Set(allowed.flatMap((one) => one.audiences))
    return jsonAnswer(await introspect(token, { callerMayAskAbout: (audience) => audiences.has(audience) }))
  }
}

/** The `token` parameter of introspection and revocation. */
export function requiredToken(body: string): Secret {
  const token = parseForm(body).get('token')
  if (token === undefined) {
    throw new Problem('parameter_missing', { mend: 'A required parameter is missing: token', detail: 'token' })
  }
  return new Secret(token)
}
