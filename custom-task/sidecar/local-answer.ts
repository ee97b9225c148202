import type { ServerResponse } from 'node:http'
import { rfc3339 } from '../../core/clock.ts'
import { decodeAwsCredentials } from '../aws-credentials.ts'
import type { LocalRefusal } from './local-refusal.ts'
import type { CachedToken } from './token-cache.ts'

const commonHeaders = [
  'content-type',
  'application/json',
  'cache-control',
  'no-store',
  'x-content-type-options',
  'nosniff',
]

/** Answers tokens; the place where they leave their Secret for local HTTP callers. */
export interface TokenAnswers {
  send(response: ServerResponse, token: CachedToken, nowMs: number): void
  /** In the form of AWS container credentials. */
  sendAws(response: ServerResponse, token: CachedToken): void
}

interface ReadyAnswer {
  readonly expiresIn: number
  readonly headers: string[]
  readonly body: string
}

/**
 * Keeps the text of each token's answer for as long as it is true: `expires_in` counts down by seconds. A text, and not
 * a Buffer, since Node writes header and text in one piece but header and Buffer in two.
 */
export function createTokenAnswers(): TokenAnswers {
  const ready = new WeakMap<CachedToken, ReadyAnswer>()
  const readyForAws = new WeakMap<CachedToken, string>()

  return Object.freeze({
    send(response: ServerResponse, token: CachedToken, nowMs: number): void {
      const expiresIn = Math.max(0, Math.floor((token.expiresAt.getTime() - nowMs) / 1000))
      let answer = ready.get(token)
      if (answer?.expiresIn !== expiresIn) {
        const body = tokenBody(token, expiresIn)
        answer = { expiresIn, body, headers: [...commonHeaders, 'content-length', String(body.length)] }
        ready.set(token, answer)
      }
      response.writeHead(200, answer.headers)
      response.end(answer.body, 'latin1')
    },
    sendAws(response: ServerResponse, token: CachedToken): void {
      const body = readyForAws.get(token) ?? awsBody(token)
      readyForAws.set(token, body)
      response.writeHead(200, [...commonHeaders, 'content-length', String(body.length)])
      response.end(body, 'latin1')
    },
  })
}

/** Answers a refusal in OAuth's form. */
export function sendRefusal(response: ServerResponse, refusal: LocalRefusal): void {
  const body = Buffer.from(JSON.stringify(refusal.body))
  const extra = Object.entries(refusal.headers ?? {}).flat()
  response.writeHead(refusal.status, [...commonHeaders, 'content-length', String(body.length), ...extra])
  response.end(body)
}

/** Checked when it came from the broker. */
function awsBody({ accessToken, expiresAt }: CachedToken): string {
  return JSON.stringify({ ...decodeAwsCredentials(accessToken.reveal()), Expiration: rfc3339(expiresAt) })
}

/** ASCII alone: the parts are checked when they come from the broker. @see RFC 6749 §5.1 */
function tokenBody(token: CachedToken, expiresIn: number): string {
  return JSON.stringify({
    access_token: token.accessToken.reveal(),
    token_type: 'Bearer',
    expires_in: expiresIn,
    ...(token.scope.length === 0 ? {} : { scope: token.scope.join(' ') }),
    ...(token.exchangeId === undefined ? {} : { exchange_id: token.exchangeId }),
  })
}
