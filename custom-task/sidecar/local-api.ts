import { hash } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Clock } from '../../core/clock.ts'
import type { Delay } from '../../core/io/system.ts'
import type { IssuedKind } from '../form.ts'
import { createTokenAnswers, sendRefusal } from './local-answer.ts'
import { maxBodyBytes, readBody } from './local-body.ts'
import { authenticate, authenticateByKey, type LocalStep } from './local-client.ts'
import { isFormContent, type LocalForm, readLocalForm } from './local-form.ts'
import { judgeHeaders } from './local-guards.ts'
import { badRequest, type LocalRefusal, refusalOf, refuse } from './local-refusal.ts'
import { createLruMap } from './lru-map.ts'
import type { CachedToken, TokenCache, TokenResult } from './token-cache.ts'
import { type TokenTarget, targetKey } from './token-target.ts'

export interface LocalApiDeps {
  readonly cache: Pick<TokenCache, 'peek' | 'get'>
  readonly steps: readonly LocalStep[]
  readonly clock: Clock
  readonly delay: Delay
  /** Aborted when the process stops. */
  readonly lifetime: AbortSignal
}

/** How long a caller is kept waiting; the exchange itself goes on, and its token is there for the next call. */
const maxWaitMs = 10_000

const tooSlow: TokenResult = {
  kind: 'unavailable',
  retryAfterSeconds: 1,
  description: 'The broker did not answer in time: try again as Retry-After says',
  status: undefined,
  exchangeId: undefined,
  cause: undefined,
}

/** A request that may be answered. */
interface Question {
  readonly kind: 'question'
  /** What the caller can use. */
  readonly wants: IssuedKind
  readonly target: TokenTarget
  readonly key: string
  readonly minTtlMs: number
}

type Answer = { readonly kind: 'granted'; readonly token: CachedToken } | LocalRefusal

/** Steps ask the same again and again; so many different questions are remembered. */
const maxRemembered = 256

/**
 * An OAuth 2.0 token endpoint on localhost: `POST /token` with client credentials, so that any OAuth client library
 * works unchanged; and `GET /aws/<policy>` for AWS SDKs. The cached path is synchronous from the last byte of the request to the first of the answer.
 *
 * @param hosts exact values of `Host` that are served
 * @see RFC 6749 §4.4
 */
export function createLocalApi(deps: LocalApiDeps, hosts: ReadonlySet<string>): RequestListener {
  const { cache, steps, clock } = deps
  const answers = createTokenAnswers()
  const remembered = createLruMap<Question>(maxRemembered)

  /** An equal request is known by its digest, which also keeps the key out of every comparison of texts. */
  function recognise(authorization: string | undefined, body: string): Question | LocalRefusal {
    const digest = hash('sha256', `${authorization}\n${body}`, 'base64url')
    const known = remembered.get(digest)
    if (known !== undefined) return known
    const judged = judge(authorization, body, steps)
    if (judged.kind === 'question') remembered.set(digest, judged)
    return judged
  }

  async function ask({ target, minTtlMs }: Question): Promise<Answer> {
    const result = await withinLimit(cache.get(target, minTtlMs))
    if (result.kind !== 'granted') return refusalOf(result)
    const leftMs = result.token.expiresAt.getTime() - clock().getTime()
    return minTtlMs > 0 && leftMs <= minTtlMs ? tooShort(result.token) : result
  }

  async function withinLimit(result: Promise<TokenResult>): Promise<TokenResult> {
    const waiting = new AbortController()
    const late = deps.delay(maxWaitMs, AbortSignal.any([waiting.signal, deps.lifetime])).then(() => tooSlow)
    try {
      return await Promise.race([result, late])
    } catch {
      return tooSlow
    } finally {
      waiting.abort()
      late.catch(() => undefined)
    }
  }

  function send(response: ServerResponse, question: Question, answer: Answer): void {
    if (response.destroyed) return
    if (answer.kind === 'granted') sendToken(response, question, answer.token)
    else sendRefusal(response, answer)
  }

  function sendToken(response: ServerResponse, { wants }: Question, token: CachedToken): void {
    if (token.issued !== wants) sendRefusal(response, wants === 'bearer' ? noToken : noAwsCredentials)
    else if (wants === 'bearer') answers.send(response, token, clock().getTime())
    else answers.sendAws(response, token)
  }

  function respond(response: ServerResponse, question: Question | LocalRefusal): void {
    if (question.kind === 'refusal') {
      sendRefusal(response, question)
      return
    }
    const token = cache.peek(question.target, question.key, question.minTtlMs)
    if (token !== undefined) sendToken(response, question, token)
    else void ask(question).then((answer) => send(response, question, answer))
  }

  return (request, response) => {
    const checked = check(request, hosts)
    if (checked.kind === 'refusal') {
      sendRefusal(response, checked)
      return
    }
    if (checked.kind === 'aws') {
      request.resume()
      respond(response, judgeAws(checked.authorization, checked.clientId, steps))
      return
    }
    readBody(request, (body) => {
      respond(response, body === undefined ? tooLarge : recognise(checked.authorization, body))
    })
  }
}

type Checked =
  | { readonly kind: 'checked'; readonly authorization: string | undefined }
  | { readonly kind: 'aws'; readonly authorization: string | undefined; readonly clientId: string }

/** A Kubernetes object name and nothing else: no query, no encoding. */
const awsPath = /^\/aws\/([a-z0-9][a-z0-9.-]{0,252})$/

const notFound = refuse(404, 'invalid_request', 'There is only POST /token and GET /aws/<policy>, without a query')

function wrongMethod(allow: string): LocalRefusal {
  return { ...refuse(405, 'invalid_request', `Use ${allow}`), headers: { allow } }
}

const noToken = badRequest('The policy gives AWS credentials and no token: ask GET /aws/<policy>')
const noAwsCredentials = badRequest('The policy gives a token and no AWS credentials: use web identity, by form aws')

function check(request: IncomingMessage, hosts: ReadonlySet<string>): Checked | LocalRefusal {
  const verdict = judgeHeaders(request.rawHeaders, hosts)
  if (verdict.kind === 'refused') return refuse(403, 'access_denied', verdict.description)
  // Before the bytes come: waiting for them would let a caller hold a connection by a promise.
  if (Number(verdict.headers.contentLength ?? 0) > maxBodyBytes) return tooLarge
  const { authorization, contentType } = verdict.headers
  const clientId = awsPath.exec(request.url ?? '')?.[1]
  if (clientId !== undefined) {
    return request.method === 'GET' ? { kind: 'aws', authorization, clientId } : wrongMethod('GET')
  }
  if (request.url !== '/token') return notFound
  if (request.method !== 'POST') return wrongMethod('POST')
  if (!isFormContent(contentType)) return badRequest('Send the parameters as application/x-www-form-urlencoded')
  return { kind: 'checked', authorization }
}

const tooLarge: LocalRefusal = {
  ...refuse(413, 'invalid_request', 'The form is over 8192 bytes'),
  headers: { connection: 'close' },
}

function judge(authorization: string | undefined, body: string, steps: readonly LocalStep[]): Question | LocalRefusal {
  const form = readLocalForm(body)
  if (form.kind === 'refusal') return form
  const policy = authenticate(authorization, form, steps)
  if ('kind' in policy) return policy
  const target = narrow(policy, form)
  return { kind: 'question', wants: 'bearer', target, key: targetKey(target), minTtlMs: form.minTtlSeconds * 1000 }
}

/** @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */
function judgeAws(
  authorization: string | undefined,
  clientId: string,
  steps: readonly LocalStep[],
): Question | LocalRefusal {
  const target = authenticateByKey(authorization, clientId, steps)
  if ('kind' in target) return target
  return { kind: 'question', wants: 'aws-credentials', target, key: targetKey(target), minTtlMs: 0 }
}

/** What this caller asks of the policy; the broker decides whether it may be had. */
function narrow(policy: TokenTarget, form: LocalForm): TokenTarget {
  if (form.audience === undefined && form.scope === undefined) return policy
  return { policy: policy.policy, audience: form.audience ?? policy.audience, scope: form.scope ?? policy.scope }
}

function tooShort(token: CachedToken): LocalRefusal {
  const lifeSeconds = Math.floor((token.expiresAt.getTime() - token.obtainedAt.getTime()) / 1000)
  return badRequest(`A new token of this policy lives ${lifeSeconds} seconds: ask for a smaller min_ttl`)
}
