import * as z from 'zod/mini'
import { b64tokenPattern, scopeTokenPattern, tokenTypes } from '../core/oauth/vocabulary.ts'
import { Secret } from '../core/secret.ts'
import { decodeAwsCredentials } from './aws-credentials.ts'
import type { IssuedKind } from './form.ts'

/** A token, with the moment it ends by our own clock. */
export interface Granted {
  readonly kind: 'granted'
  /** What {@link Granted.issued} says: a token to present, or credentials in the form of `aws-credentials.ts`. */
  readonly accessToken: Secret
  readonly issued: IssuedKind
  readonly expiresAt: Date
  /** Granted scopes, sorted. */
  readonly scope: readonly string[]
  readonly exchangeId: string | undefined
  /** The token of an agent: asked for again when somebody needs it, not before. */
  readonly renewal?: 'on_request'
}

/** A run authorisation: decided, nothing issued. */
export interface Authorized {
  readonly kind: 'authorized'
  readonly authorizationId: string
  readonly expiresAt: Date
  readonly policy: string | undefined
  readonly audience: string | undefined
  readonly scope: readonly string[]
  readonly exchangeId: string | undefined
}

/** A person decides; asking again with the same request continues. @see RFC 8628 §3.5 */
export interface Pending {
  readonly kind: 'pending'
  readonly intervalSeconds: number
  readonly expiresInSeconds: number | undefined
  /** Name of the TokenApproval. */
  readonly approval: string | undefined
  readonly description: string
  readonly exchangeId: string | undefined
}

/** The broker decided against it; asking again changes nothing until somebody mends what `description` says. */
export interface Refused {
  readonly kind: 'refused'
  readonly error: string
  readonly description: string
  readonly status: number
  /** Name of the TokenApproval, where it is the word of people or nobody said one in time. */
  readonly approval?: string | undefined
  readonly exchangeId: string | undefined
}

/** No decision: the broker is down, overloaded or stopping, or what answered is no broker. */
export interface Unavailable {
  readonly kind: 'unavailable'
  /** The broker's wish, in seconds. */
  readonly retryAfterSeconds: number | undefined
  readonly description: string
  readonly status: number | undefined
  readonly exchangeId: string | undefined
  readonly cause: unknown
}

/** A page of the runs that hold something. */
export interface LiveRuns {
  readonly kind: 'live-runs'
  /** `<namespace>/<kind>/<name>/<uid>` */
  readonly runs: readonly string[]
  readonly next: string
  /** Whether there is another page now. */
  readonly more: boolean
}

export type NotGranted = Pending | Refused | Unavailable

/** What came over the wire, before anybody believed it. */
export interface BrokerAnswer {
  readonly status: number
  readonly retryAfterSeconds: number | undefined
  /** Parsed JSON body, or undefined. */
  readonly body: unknown
}

const maxTokenLength = 16_384
const maxDescriptionLength = 512
const defaultIntervalSeconds = 5
const slowDownSeconds = 5
const maxIntervalSeconds = 300
/** Ten years: whatever says more is no lifetime but a mistake. */
const maxLifetimeSeconds = 315_360_000

/** Members of answers. */
export const id = z.string().check(z.regex(/^[A-Za-z0-9._-]{1,128}$/))
export const scope = z.string().check(z.maxLength(4096))
export const text = z.string().check(z.maxLength(4096))

const grantedBody = z.object({
  access_token: z.string().check(z.maxLength(maxTokenLength), z.regex(b64tokenPattern)),
  token_type: z.string().check(z.regex(/^(?:bearer|N_A)$/i)),
  issued_token_type: z.optional(z.string()),
  expires_in: z.int().check(z.positive(), z.maximum(maxLifetimeSeconds)),
  scope: z.optional(scope),
  exchange_id: z.optional(id),
  renewal: z.optional(text),
})

const authorizedBody = z.object({
  authorization_id: id,
  expires_at: z.iso.datetime({ offset: true }),
  policy: z.optional(text),
  audience: z.optional(text),
  scope: z.optional(scope),
  exchange_id: z.optional(id),
})

const errorBody = z.object({
  error: z.string().check(z.regex(/^[a-z_]{1,64}$/)),
  error_description: z.optional(text),
  exchange_id: z.optional(id),
  interval: z.optional(z.int().check(z.positive())),
  expires_in: z.optional(z.int().check(z.nonnegative())),
  approval: z.optional(id),
})

const introspectionBody = z.looseObject({ active: z.boolean() })

const liveRunsBody = z.object({
  runs: z.array(z.string().check(z.maxLength(512))).check(z.maxLength(1000)),
  next: z.string().check(z.regex(/^[\w.-]{1,128}$/)),
  more: z.boolean(),
})

type ErrorBody = z.infer<typeof errorBody>

/**
 * Judges the answer of `/token`.
 *
 * @param sentAt when the request left, so that the time on the wire never makes a token look younger than it is
 */
export function readTokenAnswer(answer: BrokerAnswer, sentAt: Date): Granted | NotGranted {
  if (answer.status !== 200) return readErrorAnswer(answer)
  const parsed = grantedBody.safeParse(answer.body)
  if (!parsed.success) return notUnderstood(answer)
  const body = parsed.data
  const issued = issuedKind(body)
  if (issued === undefined) return notUnderstood(answer)
  return {
    kind: 'granted',
    accessToken: new Secret(body.access_token),
    issued,
    expiresAt: new Date(sentAt.getTime() + body.expires_in * 1000),
    scope: splitScope(body.scope),
    exchangeId: body.exchange_id,
    ...(body.renewal === 'on_request' && { renewal: body.renewal }),
  }
}

/** What is no token says so twice; whatever else says so is nothing that we know. @see RFC 8693 §2.2.1 */
function issuedKind(body: z.infer<typeof grantedBody>): IssuedKind | undefined {
  const isToken = /^bearer$/i.test(body.token_type)
  if (body.issued_token_type !== tokenTypes.awsCredentials) return isToken ? 'bearer' : undefined
  return isToken || decodeAwsCredentials(body.access_token) === undefined ? undefined : 'aws-credentials'
}

/** Judges the answer of `/authorize`. */
export function readAuthorizeAnswer(answer: BrokerAnswer): Authorized | NotGranted {
  if (answer.status !== 200) return readErrorAnswer(answer)
  const parsed = authorizedBody.safeParse(answer.body)
  if (!parsed.success) return notUnderstood(answer)
  const body = parsed.data
  return {
    kind: 'authorized',
    authorizationId: body.authorization_id,
    expiresAt: new Date(body.expires_at),
    policy: body.policy,
    audience: body.audience,
    scope: splitScope(body.scope),
    exchangeId: body.exchange_id,
  }
}

/** Judges an answer that is no success; nothing of it is believed but what has the form of an OAuth error. */
export function readErrorAnswer(answer: BrokerAnswer): NotGranted {
  const parsed = errorBody.safeParse(answer.body)
  if (!parsed.success) return notUnderstood(answer)
  const body = parsed.data
  if (body.error === 'authorization_pending' || body.error === 'slow_down') return pending(body)
  if (answer.status >= 500 || answer.status === 429) {
    return unavailable(answer, { description: describe(body), exchangeId: body.exchange_id })
  }
  return {
    kind: 'refused',
    error: body.error,
    description: describe(body),
    status: answer.status,
    approval: body.approval,
    exchangeId: body.exchange_id,
  }
}

/** Judges the answer of `/introspect`; the claims are the broker's own words about a token of ours. */
export function readIntrospectAnswer(
  answer: BrokerAnswer,
): { readonly kind: 'answered'; readonly claims: Readonly<Record<string, unknown>> } | NotGranted {
  if (answer.status !== 200) return readErrorAnswer(answer)
  const parsed = introspectionBody.safeParse(answer.body)
  return parsed.success ? { kind: 'answered', claims: parsed.data } : notUnderstood(answer)
}

/** Judges the answer of `/revoke` and `/runs/end`, whose body says nothing. */
export function readDoneAnswer(answer: BrokerAnswer): { readonly kind: 'done' } | NotGranted {
  return answer.status === 200 || answer.status === 204 ? { kind: 'done' } : readErrorAnswer(answer)
}

/** Judges the answer of `/runs/live`. */
export function readLiveRunsAnswer(answer: BrokerAnswer): LiveRuns | NotGranted {
  if (answer.status !== 200) return readErrorAnswer(answer)
  const parsed = liveRunsBody.safeParse(answer.body)
  return parsed.success ? { kind: 'live-runs', ...parsed.data } : notUnderstood(answer)
}

const unreachable = 'The broker cannot be reached: check its URL, its CA and the network policy'

/** What stands for an answer when there was none. */
export function noAnswer(cause: unknown, description = unreachable): Unavailable {
  return {
    kind: 'unavailable',
    retryAfterSeconds: undefined,
    description,
    status: undefined,
    exchangeId: undefined,
    cause,
  }
}

/** What answered is no broker of this version. */
export function notUnderstood(answer: BrokerAnswer): Unavailable {
  const description = `What answered with status ${answer.status} is no token broker of this version: check the URL`
  return unavailable(answer, { description, exchangeId: undefined })
}

function unavailable(answer: BrokerAnswer, said: Pick<Unavailable, 'description' | 'exchangeId'>): Unavailable {
  const { status, retryAfterSeconds } = answer
  return { kind: 'unavailable', retryAfterSeconds, status, cause: undefined, ...said }
}

function pending(body: ErrorBody): Pending {
  const interval = body.interval ?? defaultIntervalSeconds
  return {
    kind: 'pending',
    intervalSeconds: Math.min(maxIntervalSeconds, body.error === 'slow_down' ? interval + slowDownSeconds : interval),
    expiresInSeconds: body.expires_in,
    approval: body.approval,
    description: describe(body),
    exchangeId: body.exchange_id,
  }
}

/** Only what RFC 6749 §5.2 lets stand in a description, so that it can go on into files, logs and conditions. */
function describe(body: ErrorBody): string {
  return printable(body.error_description ?? '') || body.error
}

/** What RFC 6749 §5.2 lets stand in a description, shortened. */
export function printable(said: string): string {
  return said
    .replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, ' ')
    .trim()
    .slice(0, maxDescriptionLength)
}

/** Scopes that are well formed, sorted. */
export function splitScope(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(' ')
    .filter((one) => scopeTokenPattern.test(one))
    .sort()
}
