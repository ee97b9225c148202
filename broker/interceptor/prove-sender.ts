import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Secret } from '../../core/secret.ts'
import type { SenderConfig } from './config.ts'
import type { Delivery } from './interceptor-request.ts'
import { type EventRefusal, refuseEvent } from './refusal.ts'

/** What is known of an event's sender. */
export type Proof = { readonly kind: 'proved'; readonly isSigned: boolean } | EventRefusal

type Hmac = Extract<SenderConfig, { kind: 'hmac' }>['hmac']
type Message = Pick<Delivery, 'body' | 'header'>

const github: Hmac = {
  header: 'X-Hub-Signature-256',
  prefix: 'sha256=',
  algorithm: 'sha256',
  encoding: 'hex',
  content: '{body}',
  toleranceSeconds: 300,
}

/** Age that Standard Webhooks allow. */
const standardToleranceSeconds = 300
/** Signatures in one header, while a sender changes its own secret. */
const maxSignatures = 8

/** Holds the signature of an event against the secrets of its sender, in constant time for each of them. */
export function proveSender(sender: SenderConfig, secrets: readonly Secret[], message: Message, now: Date): Proof {
  switch (sender.kind) {
    case 'github':
      return proveHmac(github, secrets, message, now)
    case 'hmac':
      return proveHmac(sender.hmac, secrets, message, now)
    case 'gitlab':
    case 'standard-webhooks':
      return proveStandard(secrets, message, now)
    case 'gitlab-token':
      return proveToken(secrets, message)
  }
}

function proveHmac(hmac: Hmac, secrets: readonly Secret[], { body, header }: Message, now: Date): Proof {
  const text = header(hmac.header)
  if (text === undefined) return unsigned(hmac.header)
  const timestamp = hmac.timestampHeader === undefined ? '' : header(hmac.timestampHeader)
  if (timestamp === undefined) return unsigned(hmac.timestampHeader ?? '')
  if (hmac.timestampHeader !== undefined && !isRecent(timestamp, hmac.toleranceSeconds, now)) return stale
  if (!text.startsWith(hmac.prefix)) return wrong
  const shown = decode(text.slice(hmac.prefix.length), hmac.encoding)
  // Not replace(): a body may hold what it takes for a pattern.
  const [before = '', after = ''] = hmac.content
    .split('{body}')
    .map((part) => part.split('{timestamp}').join(timestamp))
  const content = `${before}${body}${after}`
  return proved(secrets.some((secret) => isSame(shown, hash(hmac.algorithm, secret.reveal(), content))))
}

/** @see Standard Webhooks, `spec/standard-webhooks.md`: Symmetric signatures */
function proveStandard(secrets: readonly Secret[], { body, header }: Message, now: Date): Proof {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(header)
  if (id === undefined || timestamp === undefined || signatures === undefined) return unsigned('webhook-signature')
  if (!isRecent(timestamp, standardToleranceSeconds, now)) return stale
  const content = `${id}.${timestamp}.${body}`
  const expected = secrets.map((secret) => hash('sha256', standardKey(secret), content))
  const shown = signatures
    .split(' ', maxSignatures)
    .filter((text) => text.startsWith('v1,'))
    .map((text) => decode(text.slice(3), 'base64'))
  return proved(shown.some((one) => expected.some((other) => isSame(one, other))))
}

/** The sender knows the secret, and so does whoever saw one event of it: the body is not signed. */
function proveToken(secrets: readonly Secret[], { header }: Message): Proof {
  const token = header('X-Gitlab-Token')
  if (token === undefined) return unsigned('X-Gitlab-Token')
  const shown = digest(token)
  return proved(
    secrets.some((secret) => timingSafeEqual(shown, digest(secret.reveal()))),
    false,
  )
}

function standardKey(secret: Secret): Buffer {
  return Buffer.from(secret.reveal().replace(/^whsec_/, ''), 'base64')
}

function isRecent(timestamp: string, toleranceSeconds: number, now: Date): boolean {
  if (!/^\d{1,12}$/.test(timestamp)) return false
  return Math.abs(now.getTime() / 1000 - Number(timestamp)) <= toleranceSeconds
}

function hash(algorithm: Hmac['algorithm'], key: string | Buffer, content: string): Buffer {
  return createHmac(algorithm, key).update(content, 'utf8').digest()
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Node decodes as far as it gets; what it passed over makes the text no signature. */
function decode(text: string, encoding: Hmac['encoding']): Buffer {
  const bytes = Buffer.from(text, encoding)
  const isWhole = bytes.toString(encoding) === (encoding === 'hex' ? text.toLowerCase() : text)
  return isWhole ? bytes : Buffer.alloc(0)
}

function isSame(shown: Buffer, expected: Buffer): boolean {
  return shown.length === expected.length && timingSafeEqual(shown, expected)
}

const wrong = refuseEvent(
  'event_signature',
  'The signature is not by a secret of this sender: compare the secret of its webhook with the one of the broker',
)
const stale = refuseEvent(
  'event_stale',
  'The time of signing is too far from now: compare the clocks, or send the event again',
)

function unsigned(header: string): EventRefusal {
  return refuseEvent('event_unsigned', `The event has no ${header} header, or several: give its webhook a secret`)
}

function proved(isGood: boolean, isSigned = true): Proof {
  return isGood ? { kind: 'proved', isSigned } : wrong
}
