import type { CustomRunReference } from '../core/identity/run.ts'
import { grantTypes, tokenTypes } from '../core/oauth/vocabulary.ts'
import type { Secret } from '../core/secret.ts'

/** What is asked for. Whatever is absent comes from the policy. */
export interface TokenAsk {
  readonly policy?: string | undefined
  readonly audience?: string | undefined
  readonly scope?: readonly string[] | undefined
  /** Seconds; only ever shortens. */
  readonly requestedExpirySeconds?: number | undefined
  /** The controller asks for this CustomRun; without it the caller asks for itself. */
  readonly customRun?: CustomRunReference | undefined
}

/** A request on its way out: the place where the caller's credential leaves its Secret. */
export interface OutgoingForm {
  readonly form: URLSearchParams
  readonly headers: Readonly<Record<string, string>>
}

/** RFC 8693 §2.1; with a CustomRun the caller is the actor and the reference is the subject. */
export function exchangeForm(ask: TokenAsk, own: Secret): OutgoingForm {
  const form = new URLSearchParams({ grant_type: grantTypes.tokenExchange })
  if (ask.customRun === undefined) {
    form.set('subject_token', own.reveal())
    form.set('subject_token_type', tokenTypes.jwt)
  } else {
    const { namespace, name, uid } = ask.customRun
    form.set('subject_token', `${namespace}/${name}/${uid}`)
    form.set('subject_token_type', tokenTypes.customRun)
    form.set('actor_token', own.reveal())
    form.set('actor_token_type', tokenTypes.jwt)
  }
  if (ask.policy !== undefined) form.set('policy', ask.policy)
  if (ask.audience !== undefined) form.set('audience', ask.audience)
  if (ask.scope !== undefined && ask.scope.length > 0) form.set('scope', ask.scope.join(' '))
  if (ask.requestedExpirySeconds !== undefined) form.set('requested_expiry', String(ask.requestedExpirySeconds))
  return { form, headers: {} }
}

/** A question about a token: RFC 7662 §2.1 and RFC 7009 §2.1 have the same form. */
export function tokenForm(token: Secret, own: Secret): OutgoingForm {
  return withBearer(new URLSearchParams({ token: token.reveal() }), own)
}

/** A form whose sender authenticates with its own projected token. */
export function withBearer(form: URLSearchParams, own: Secret): OutgoingForm {
  return { form, headers: { authorization: `Bearer ${own.reveal()}` } }
}
