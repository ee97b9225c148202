import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createBodyBudget } from '../../core/io/body-budget.ts'
import { readJsonBody } from '../../core/io/read-json-body.ts'
import type { Intercept, Registered } from './intercept.ts'
import { maxEventBody, parseInterceptorRequest } from './interceptor-request.ts'
import { codeOf, type EventRefusal, refuseEvent } from './refusal.ts'

interface Deps {
  readonly intercept: Intercept
  /** Told of every event, after it was decided. */
  readonly observe: (outcome: Registered | EventRefusal) => void
}

/** JSON may write a character of the body in six. */
const maxBytes = 6 * maxEventBody
/** All requests together; a usual event has under 64 KiB. */
const maxHeldBytes = 32 * 1024 * 1024

/**
 * `POST /intercept`, as Tekton Triggers asks a ClusterInterceptor. Whatever was decided is an answer 200 that says whether
 * to go on: any other status would be taken for a failure of ours.
 */
export function createInterceptorApp({ intercept, observe }: Deps): RequestListener {
  const limits = { maxBytes, budget: createBodyBudget(maxHeldBytes) }
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url?.split('?', 1)[0] !== '/intercept') return sendError(response, 404, 'Only /intercept is here')
    if (request.method !== 'POST') return sendError(response, 405, 'Use POST')
    const body = await readJsonBody(request, limits)
    if (body.kind === 'refused') return sendError(response, body.status, body.description)
    const delivery = parseInterceptorRequest(body.value)
    const outcome = delivery === undefined ? malformed : await intercept(delivery)
    observe(outcome)
    send(response, 200, answerOf(outcome))
  }
}

function answerOf(outcome: Registered | EventRefusal): object {
  if (outcome.kind === 'refused') {
    return { continue: false, status: { code: codeOf(outcome), message: outcome.message } }
  }
  const { sender, kind, fields } = outcome.event
  // For TriggerBindings: $(extensions.tokenbroker.fields.ref)
  return { continue: true, extensions: { tokenbroker: { sender, kind, fields } }, status: { code: 0, message: '' } }
}

const malformed = refuseEvent(
  'event_malformed',
  'The request is not as an EventListener sends it, its interceptor has a param other than sender, or the event is over 1 MiB',
)

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
