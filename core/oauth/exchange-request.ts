import { type CustomRunReference, parseCustomRunReference } from '../identity/run.ts'
import { Problem } from '../problem.ts'
import { Secret } from '../secret.ts'
import type { Form } from './form.ts'
import { parseScope } from './scope.ts'
import { grantTypes, tokenTypes } from './vocabulary.ts'

/** Who asks: a pod with its own token, or the controller for a CustomRun. */
export type RequestSubject =
  | { readonly kind: 'pod'; readonly token: Secret }
  | { readonly kind: 'customrun'; readonly reference: CustomRunReference; readonly actorToken: Secret }

/** One request at the token endpoint, of either grant type, for every caller. */
export interface ExchangeRequest {
  readonly grantType: 'token-exchange' | 'jwt-bearer'
  readonly subject: RequestSubject
  /** `audience` or `resource`: at most one value in all. */
  readonly audience: string | undefined
  readonly scopes: readonly string[] | undefined
  readonly policy: string | undefined
  readonly requestedExpirySeconds: number | undefined
}

/** Identifier-like parameter values: printable ASCII without spaces, quotes and backslashes. */
const identifierPattern = /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/
const policyNamePattern = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/

/**
 * Reads the parameters of RFC 8693 token exchange or RFC 7523 jwt-bearer. Parameters that neither knows are ignored,
 * as RFC 6749 §3.2 demands; known ones that cannot be honoured are refused.
 *
 * @throws Problem with the mend for the parameter at fault
 */
export function parseExchangeRequest(form: Form): ExchangeRequest {
  const grantType = parseGrantType(form)
  const subject = grantType === 'jwt-bearer' ? assertionSubject(form) : exchangeSubject(form)
  const audience = parseTarget(form)
  const policy = parsePolicy(form)
  const scope = form.get('scope')
  if (policy === undefined && audience === undefined) throw missing('audience, resource or policy')
  if (policy === undefined && scope === undefined) throw missing('scope, or policy for its scopes')
  refuseOtherTokenTypes(form)
  return {
    grantType,
    subject,
    audience,
    policy,
    scopes: scope === undefined ? undefined : parseScope(scope),
    requestedExpirySeconds: parseRequestedExpiry(form),
  }
}

function parseGrantType(form: Form): ExchangeRequest['grantType'] {
  const grantType = form.get('grant_type')
  if (grantType === undefined) throw missing('grant_type')
  if (grantType === grantTypes.tokenExchange) return 'token-exchange'
  if (grantType === grantTypes.jwtBearer) return 'jwt-bearer'
  throw new Problem('unsupported_grant_type')
}

function assertionSubject(form: Form): RequestSubject {
  for (const name of ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type']) {
    if (form.has(name)) throw invalid(name, 'does not belong to the jwt-bearer grant')
  }
  const assertion = form.get('assertion')
  if (assertion === undefined) throw missing('assertion')
  return { kind: 'pod', token: new Secret(assertion) }
}

function exchangeSubject(form: Form): RequestSubject {
  if (form.has('assertion')) throw invalid('assertion', 'belongs to the jwt-bearer grant')
  const subjectToken = form.get('subject_token')
  if (subjectToken === undefined) throw missing('subject_token')
  const type = form.get('subject_token_type')
  if (type === undefined) throw missing('subject_token_type')
  if (type === tokenTypes.customRun) return customRunSubject(form, subjectToken)
  if (type !== tokenTypes.jwt) throw invalid('subject_token_type', `takes ${tokenTypes.jwt}`)
  if (form.has('actor_token') || form.has('actor_token_type')) {
    throw invalid('actor_token', 'is for the controller, with a CustomRun as subject')
  }
  return { kind: 'pod', token: new Secret(subjectToken) }
}

function customRunSubject(form: Form, subjectToken: string): RequestSubject {
  const reference = parseCustomRunReference(subjectToken)
  if (reference === undefined) throw invalid('subject_token', 'takes namespace/name/uid of a CustomRun')
  const actorToken = form.get('actor_token')
  if (actorToken === undefined) throw missing('actor_token')
  if (form.get('actor_token_type') !== tokenTypes.jwt) throw invalid('actor_token_type', `takes ${tokenTypes.jwt}`)
  return { kind: 'customrun', reference, actorToken: new Secret(actorToken) }
}

function parseTarget(form: Form): string | undefined {
  const audience = form.get('audience')
  const resource = form.get('resource')
  if (audience !== undefined && resource !== undefined)
    throw invalid('resource', 'stands beside audience: send one of them')
  const target = audience ?? resource
  if (target !== undefined && !identifierPattern.test(target)) throw invalid('audience', 'is not a URI or plain name')
  return target
}

function parsePolicy(form: Form): string | undefined {
  const policy = form.get('policy')
  if (policy !== undefined && !policyNamePattern.test(policy)) throw invalid('policy', 'is not the name of an object')
  return policy
}

function parseRequestedExpiry(form: Form): number | undefined {
  const text = form.get('requested_expiry')
  if (text === undefined) return undefined
  // JWT times are whole seconds, rounded down: of one second nothing may be left.
  if (!/^(?:[2-9]|[1-9]\d{1,8})$/.test(text)) throw invalid('requested_expiry', 'takes whole seconds, 2 or more')
  return Number(text)
}

function refuseOtherTokenTypes(form: Form): void {
  const requested = form.get('requested_token_type')
  if (requested === undefined || requested === tokenTypes.accessToken || requested === tokenTypes.jwt) return
  throw invalid('requested_token_type', `takes ${tokenTypes.accessToken} or ${tokenTypes.jwt}`)
}

function missing(what: string): Problem {
  return new Problem('parameter_missing', { mend: `A required parameter is missing: ${what}`, detail: what })
}

function invalid(name: string, why: string): Problem {
  return new Problem('parameter_invalid', { mend: `The parameter ${name} ${why}`, detail: name })
}
