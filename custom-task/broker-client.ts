import type { Clock } from '../core/clock.ts'
import type { HttpClient } from '../core/io/http-client.ts'
import { parseRetryAfter } from '../core/io/retry-after.ts'
import type { Secret } from '../core/secret.ts'
import {
  type Authorized,
  type BrokerAnswer,
  type Granted,
  type LiveRuns,
  type NotGranted,
  noAnswer,
  readAuthorizeAnswer,
  readDoneAnswer,
  readIntrospectAnswer,
  readLiveRunsAnswer,
  readTokenAnswer,
} from './broker-client-answer.ts'
import { type Explained, readExplainAnswer } from './broker-client-explain.ts'
import { exchangeForm, type OutgoingForm, type TokenAsk, tokenForm, withBearer } from './broker-client-form.ts'
import { TokenFileError, type TokenSource } from './broker-client-token-file.ts'

/** Only where nothing can have happened yet: no connection, 429 or 503; with jitter, as whole pipelines start at once. */
const retries = 2

export interface BrokerClientDeps {
  /** URL of the broker's token listener; `/token` and the others are below it. */
  readonly url: string
  /** The caller's own projected ServiceAccount token. */
  readonly ownToken: TokenSource
  readonly http: Pick<HttpClient, 'postForm'>
  readonly clock: Clock
}

/** A run that ended, by UID. */
export interface RunReference {
  readonly namespace: string
  readonly kind: 'PipelineRun' | 'TaskRun'
  readonly name: string
  readonly uid: string
}

export interface Introspection {
  readonly kind: 'answered'
  /** At least `active`. @see RFC 7662 §2.2 */
  readonly claims: Readonly<Record<string, unknown>>
}

export interface Done {
  readonly kind: 'done'
}

/**
 * The broker's token listener, as sidecar, controller and CLI see it. What goes wrong is part of the answer: a call
 * throws only when its `signal` is aborted.
 */
export interface BrokerClient {
  /** @see RFC 8693 §2 */
  exchange(ask: TokenAsk, signal: AbortSignal): Promise<Granted | NotGranted>
  /** The same decision as `exchange`; issues nothing. */
  authorize(ask: TokenAsk, signal: AbortSignal): Promise<Authorized | NotGranted>
  /** The same decision, asked for its reasons; nothing comes of it. */
  explain(ask: TokenAsk, signal: AbortSignal): Promise<Explained | NotGranted>
  /** Withdraws everything that was granted to the run. */
  endRun(run: RunReference, signal: AbortSignal): Promise<Done | NotGranted>
  /** Runs that hold something which their end has to withdraw; `after` is `next` of the answer before. */
  liveRuns(after: string | undefined, signal: AbortSignal): Promise<LiveRuns | NotGranted>
  /** @see RFC 7662 §2 */
  introspect(token: Secret, signal: AbortSignal): Promise<Introspection | NotGranted>
  /** @see RFC 7009 §2 */
  revoke(token: Secret, signal: AbortSignal): Promise<Done | NotGranted>
}

export function createBrokerClient(deps: BrokerClientDeps): BrokerClient {
  const base = deps.url.replace(/\/+$/, '')

  async function ask<T extends { readonly kind: string }>(
    path: string,
    build: (own: Secret) => OutgoingForm,
    judge: (answer: BrokerAnswer, sentAt: Date) => T | NotGranted,
    signal: AbortSignal,
  ): Promise<T | NotGranted> {
    try {
      const { form, headers } = build(await deps.ownToken(signal))
      const sentAt = deps.clock()
      const answer = await deps.http.postForm(`${base}${path}`, form, { headers, signal, retries })
      const retryAfterSeconds = parseRetryAfter(answer.headers['retry-after'], deps.clock())
      return judge({ status: answer.status, retryAfterSeconds, body: answer.body }, sentAt)
    } catch (cause) {
      signal.throwIfAborted()
      return cause instanceof TokenFileError ? noAnswer(cause, cause.message) : noAnswer(cause)
    }
  }

  return Object.freeze({
    exchange: (what: TokenAsk, signal: AbortSignal) =>
      ask<Granted>('/token', (own) => exchangeForm(what, own), readTokenAnswer, signal),
    authorize: (what: TokenAsk, signal: AbortSignal) =>
      ask<Authorized>('/authorize', (own) => exchangeForm(what, own), readAuthorizeAnswer, signal),
    explain: (what: TokenAsk, signal: AbortSignal) =>
      ask<Explained>('/explain', (own) => exchangeForm(what, own), readExplainAnswer, signal),
    endRun: (run: RunReference, signal: AbortSignal) => {
      const reference = `${run.namespace}/${run.kind}/${run.name}/${run.uid}`
      return ask<Done>('/runs/end', (own) => withBearer([['run', reference]], own), readDoneAnswer, signal)
    },
    liveRuns: (after: string | undefined, signal: AbortSignal) =>
      ask<LiveRuns>(
        '/runs/live',
        (own) => withBearer(after === undefined ? [] : [['after', after]], own),
        readLiveRunsAnswer,
        signal,
      ),
    introspect: (token: Secret, signal: AbortSignal) =>
      ask<Introspection>('/introspect', (own) => tokenForm(token, own), readIntrospectAnswer, signal),
    revoke: (token: Secret, signal: AbortSignal) =>
      ask<Done>('/revoke', (own) => tokenForm(token, own), readDoneAnswer, signal),
  })
}
