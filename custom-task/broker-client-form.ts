import type { CustomRunReference } from '../core/identity/run.ts'
import { grantTypes, tokenTypes } from '../core/oauth/vocabulary.ts'
import { Secret } from '../core/secret.ts'

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

/** A request on its way out. Credentials stay Secrets until the HTTP client writes them to the socket. */
export interface OutgoingForm {
  readonly form: readonly (readonly [name: string, value: string | Secret])[]
  readonly headers: Readonly<Record<string, string | Secret>>
}

/** RFC 8693 §2.1; with a CustomRun the caller is the actor and the reference is the subject. */
export function exchangeForm(ask: TokenAsk, own: Secret): OutgoingForm {
  const form: [string, string | Secret][] = [['grant_type', grantTypes.tokenExchange], ...subject(ask.customRun, own)]
  if (ask.policy !== undefined) form.push(['policy', ask.policy])
  if (ask.audience !== undefined) form.push(['audience', ask.audience])
  if (ask.scope !== undefined && ask.scope.length > 0) form.push(['scope', ask.scope.join(' ')])
  if (ask.requestedExpirySeconds !== undefined) form.push(['requested_expiry', String(ask.requestedExpirySeconds)])
  return { form, headers: {} }
}

/** A question about a token: RFC 7662 §2.1 and RFC 7009 §2.1 have the same form. */
export function tokenForm(token: Secret, own: Secret): OutgoingForm {
  return withBearer([['token', token]], own)
}

/** A form whose sender authenticates with its own projected token. */
export function withBearer(form: OutgoingForm['form'], own: Secret): OutgoingForm {
  return { form, headers: { authorization: new Secret(`Bearer ${own.reveal()}`) } }
}

function subject(customRun: CustomRunReference | undefined, own: Secret): [string, string | Secret][] {
  if (customRun === undefined) {
    return [
      ['subject_token', own],
      ['subject_token_type', tokenTypes.jwt],
    ]
  }
  return [
    ['subject_token', `${customRun.namespace}/${customRun.name}/${customRun.uid}`],
    ['subject_token_type', tokenTypes.customRun],
    ['actor_token', own],
    ['actor_token_type', tokenTypes.jwt],
  ]
}
