import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { createBodyBudget } from '../../core/io/body-budget.ts'
import { withDeadline } from '../../core/io/deadline.ts'
import { type ReadBody, readJsonBody } from '../../core/io/read-json-body.ts'
import { type PodAdmission, readReview, reviewAnswer } from './admission-review.ts'
import type { Decide } from './decide.ts'
import type { WebhookMetrics } from './metrics.ts'
import type { Mutation } from './mutate.ts'
import { stamp } from './stamp.ts'
import { readStampReview } from './stamp-review.ts'
import { readSuspensionReview } from './suspension-review.ts'
import { stampSuspension } from './suspension-stamp.ts'

export interface AdmissionAppDeps {
  readonly decide: Decide
  readonly metrics: Pick<WebhookMetrics, 'decided' | 'stamped'>
  readonly log: Pick<Logger, 'warn'>
  /** Milliseconds that only go forward. */
  readonly monotonicMs: () => number
  /** Aborted when the process gives up what is under way. */
  readonly lifetime: AbortSignal
  /** For one decision. The API server waits 2 s: whoever made the pod hears our words, not its own. */
  readonly deadlineMs: number
}

const maxBodyBytes = 3 * 1024 * 1024
/** All bodies together; 64 of the usual size beside one another are under a tenth of it. */
const maxHeldBytes = 64 * 1024 * 1024

/**
 * `POST /mutate`: a pod that cannot have what it asks for is answered `allowed: false`. Where nobody knows (the API server
 * does not answer) the answer is 503, so that the `failurePolicy` of the namespace decides.
 * `POST /stamp`: writes into a run who makes it. `POST /stamp-suspension`: into a policy or provider, who suspends it.
 */
export function createAdmissionApp(deps: AdmissionAppDeps): RequestListener {
  const limits = { maxBytes: maxBodyBytes, budget: createBodyBudget(maxHeldBytes) }
  const endpoints: ReadonlyMap<string, Endpoint> = new Map([
    ['/mutate', (body, response) => mutatePod(body, response, deps)],
    ['/stamp', (body, response) => stampWith(runPatch, body, response, deps)],
    ['/stamp-suspension', (body, response) => stampWith(suspensionPatch, body, response, deps)],
  ])
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const endpoint = endpoints.get(request.url?.split('?', 1)[0] ?? '')
    if (endpoint === undefined) return sendError(response, 404, 'Only /mutate, /stamp and /stamp-suspension are here')
    if (request.method !== 'POST') return sendError(response, 405, 'Use POST')
    await endpoint(await readJsonBody(request, limits), response)
  }
}

type Endpoint = (body: ReadBody, response: ServerResponse) => Promise<void> | void

async function mutatePod(body: ReadBody, response: ServerResponse, deps: AdmissionAppDeps): Promise<void> {
  const review = body.kind === 'json' ? readReview(body.value) : body
  switch (review.kind) {
    case 'refused':
      deps.metrics.decided('failed', 0)
      return sendError(response, review.status, review.description)
    case 'malformed':
      deps.metrics.decided('failed', 0)
      return sendError(response, 400, 'The body is no AdmissionReview of admission.k8s.io/v1 about a pod')
    case 'other':
      return send(response, 200, reviewAnswer(review.uid, { kind: 'untouched' }))
    case 'pod':
      return await answer(review.admission, response, deps)
  }
}

/** What a stamp changes, read from an AdmissionReview. */
type ReadPatch = (
  body: unknown,
) =>
  | { readonly kind: 'patch'; readonly uid: string; readonly patch: readonly object[] }
  | { readonly kind: 'other'; readonly uid: string }
  | { readonly kind: 'malformed' }

const runPatch: ReadPatch = (body) => {
  const review = readStampReview(body)
  return review.kind === 'run' ? { kind: 'patch', uid: review.uid, patch: stamp(review.run) } : review
}

const suspensionPatch: ReadPatch = (body) => {
  const review = readSuspensionReview(body)
  if (review.kind !== 'suspension') return review
  return { kind: 'patch', uid: review.uid, patch: stampSuspension(review.suspension) }
}

function stampWith(read: ReadPatch, body: ReadBody, response: ServerResponse, { metrics }: AdmissionAppDeps): void {
  const review = body.kind === 'json' ? read(body.value) : body
  switch (review.kind) {
    case 'refused':
      metrics.stamped('failed')
      sendError(response, review.status, review.description)
      break
    case 'malformed':
      metrics.stamped('failed')
      sendError(response, 400, 'The body is no AdmissionReview of admission.k8s.io/v1 about what is stamped here')
      break
    case 'other':
      send(response, 200, reviewAnswer(review.uid, { kind: 'untouched' }))
      break
    case 'patch': {
      const { patch } = review
      const kind = patch.length === 0 ? 'untouched' : 'stamped'
      metrics.stamped(kind)
      send(response, 200, reviewAnswer(review.uid, { kind, patch }))
    }
  }
}

async function answer(admission: PodAdmission, response: ServerResponse, deps: AdmissionAppDeps): Promise<void> {
  const { decide, deadlineMs, lifetime, metrics, log, monotonicMs } = deps
  const startMs = monotonicMs()
  const seconds = (): number => (monotonicMs() - startMs) / 1000
  let mutation: Mutation
  try {
    mutation = await withDeadline(deadlineMs, lifetime, (signal) => decide(admission, signal))
  } catch (err) {
    metrics.decided('failed', seconds())
    log.warn({ err, namespace: admission.namespace, pod: admission.pod.metadata.name }, 'pod not judged')
    return sendError(response, 503, 'The runs of the pod cannot be read now')
  }
  metrics.decided(mutation.kind, seconds())
  send(response, 200, reviewAnswer(admission.uid, mutation))
}

function sendError(response: ServerResponse, status: number, description: string): void {
  // Of a body that was refused the rest is not read.
  if (status === 413 || status === 415 || status === 503) response.setHeader('connection', 'close')
  if (status === 405) response.setHeader('allow', 'POST')
  const error = status === 503 ? 'temporarily_unavailable' : 'invalid_request'
  send(response, status, { error, error_description: description })
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}
