import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { interceptorConfig, type SenderConfig } from '../../../broker/interceptor/config.ts'
import { proveSender } from '../../../broker/interceptor/prove-sender.ts'
import { Secret } from '../../../core/secret.ts'
import { hmacOf } from './interceptor-fixture.ts'

const now = new Date('2026-03-01T12:00:00.000Z')
const seconds = String(now.getTime() / 1000)
const body = '{"ref":"refs/heads/main","text":"$& é €"}'
const key = randomBytes(32)
const standardSecret = `whsec_${key.toString('base64')}`
const secret = randomBytes(20).toString('hex')

function senderOf(more: object): SenderConfig {
  const triggers = [{ namespace: 'ci', name: 'push', eventListener: { name: 'github' } }]
  const [sender] = interceptorConfig.parse({
    senders: [{ name: 'acme', secretDirectory: '/secrets', triggers, ...more }],
  }).senders
  if (sender === undefined) throw new TypeError('no sender')
  return sender
}

function prove(sender: SenderConfig, headers: Readonly<Record<string, string>>, secrets = [secret], text = body) {
  const header = (name: string) => headers[name.toLowerCase()]
  const known = secrets.map((one) => new Secret(one))
  return proveSender(sender, known, { body: text, header }, now)
}

const github = senderOf({ kind: 'github' })
const gitlab = senderOf({ kind: 'gitlab' })
const slack = senderOf({
  kind: 'hmac',
  hmac: {
    header: 'X-Slack-Signature',
    prefix: 'v0=',
    content: 'v0:{timestamp}:{body}',
    timestampHeader: 'X-Slack-Request-Timestamp',
  },
})
const plain = senderOf({
  kind: 'hmac',
  hmac: { header: 'X-Signature', algorithm: 'sha512', encoding: 'base64' },
})
const githubHeader = (by = secret, text = body) => ({
  'x-hub-signature-256': `sha256=${hmacOf(by, text).toString('hex')}`,
})
const standardHeader = (timestamp = seconds, by: string | Buffer = key, id = 'msg_1') => ({
  'webhook-id': id,
  'webhook-timestamp': timestamp,
  'webhook-signature': `v1,${hmacOf(by, `${id}.${timestamp}.${body}`).toString('base64')}`,
})
const slackHeader = (timestamp = seconds) => ({
  'x-slack-request-timestamp': timestamp,
  'x-slack-signature': `v0=${hmacOf(secret, `v0:${timestamp}:${body}`).toString('hex')}`,
})

describe('proveSender', () => {
  it('agrees with the example of GitHub’s documentation', () => {
    const headers = {
      'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    }
    expect(prove(github, headers, ["It's a Secret to Everybody"], 'Hello, World!')).toEqual({
      kind: 'proved',
      isSigned: true,
    })
  })

  it.each([
    ['github', github, githubHeader()],
    ['hmac with a time', slack, slackHeader()],
    ['hmac, sha512 in base64', plain, { 'x-signature': hmacOf(secret, body, 'sha512').toString('base64') }],
  ] as const)('takes what is signed with any of the secrets: %s', (_name, sender, headers) => {
    expect(prove(sender, headers)).toEqual({ kind: 'proved', isSigned: true })
    expect(prove(sender, headers, ['another secret of it', secret])).toMatchObject({ kind: 'proved' })
    expect(prove(sender, headers, ['another secret of it'])).toMatchObject({ reason: 'event_signature' })
    expect(prove(sender, headers, [secret], `${body} `)).toMatchObject({ reason: 'event_signature' })
    expect(prove(sender, {})).toMatchObject({ reason: 'event_unsigned' })
  })

  it('takes Standard Webhooks as GitLab signs them, also while it rotates its key', () => {
    expect(prove(gitlab, standardHeader(), [standardSecret])).toEqual({ kind: 'proved', isSigned: true })
    expect(prove(gitlab, standardHeader(), [key.toString('base64')])).toMatchObject({ kind: 'proved' })
    const both = { ...standardHeader(), 'webhook-signature': `v1,AAAA ${standardHeader()['webhook-signature']}` }
    expect(prove(gitlab, both, [standardSecret])).toMatchObject({ kind: 'proved' })
    const otherVersion = { ...standardHeader() }
    otherVersion['webhook-signature'] = otherVersion['webhook-signature'].replace('v1,', 'v1a,')
    expect(prove(gitlab, otherVersion, [standardSecret])).toMatchObject({ reason: 'event_signature' })
    const otherId = { ...standardHeader(), 'webhook-id': 'msg_2' }
    expect(prove(gitlab, otherId, [standardSecret])).toMatchObject({ reason: 'event_signature' })
    const { 'webhook-signature': _gone, ...unsigned } = standardHeader()
    expect(prove(gitlab, unsigned, [standardSecret])).toMatchObject({ reason: 'event_unsigned' })
  })

  it.each([
    ['gitlab', gitlab, standardHeader, standardSecret],
    ['hmac', slack, slackHeader, secret],
  ] as const)('takes a time of signing within 300 s of now: %s', (_name, sender, headerAt, by) => {
    const at = (offset: number) => prove(sender, headerAt(String(Number(seconds) + offset)), [by])
    for (const offset of [-300, 300]) expect(at(offset)).toMatchObject({ kind: 'proved' })
    for (const offset of [-301, 301]) expect(at(offset)).toMatchObject({ reason: 'event_stale' })
    expect(prove(sender, headerAt('1e9'), [by])).toMatchObject({ reason: 'event_stale' })
    expect(prove(sender, headerAt(''), [by])).toMatchObject({ reason: 'event_stale' })
  })

  it('says of a shared token that nothing is signed', () => {
    const token = senderOf({ kind: 'gitlab-token' })
    expect(prove(token, { 'x-gitlab-token': secret })).toEqual({ kind: 'proved', isSigned: false })
    expect(prove(token, { 'x-gitlab-token': `${secret}x` })).toMatchObject({ reason: 'event_signature' })
    expect(prove(token, {})).toMatchObject({ reason: 'event_unsigned' })
  })

  it('takes no signature but the one, whatever is in its header', () => {
    const good = githubHeader()['x-hub-signature-256'].slice('sha256='.length)
    const near = fc.oneof(
      fc.string(),
      fc.nat({ max: good.length }).map((length) => good.slice(0, length - 1)),
      fc.string({ minLength: 1 }).map((more) => `${good}0${more}`),
    )
    fc.assert(
      fc.property(near, (text) => {
        fc.pre(text.toLowerCase() !== good)
        for (const headers of [{ 'x-hub-signature-256': text }, { 'x-hub-signature-256': `sha256=${text}` }]) {
          expect(prove(github, headers).kind).toBe('refused')
        }
      }),
    )
  })

  it('says nothing of secrets or events in a refusal', () => {
    const refusal = prove(github, { 'x-hub-signature-256': 'sha256=00' })
    for (const text of [secret, 'refs/heads', 'sha256=00']) expect(JSON.stringify(refusal)).not.toContain(text)
  })
})
