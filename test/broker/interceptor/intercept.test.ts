import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { interceptorConfig } from '../../../broker/interceptor/config.ts'
import { createSenders } from '../../../broker/interceptor/senders.ts'
import { delivery, eventId, pushBody, startInterceptor } from './interceptor-fixture.ts'

const began = new Date('2026-03-01T12:00:00.000Z')
const clock = () => began
const otherId = '11111111-1111-4111-8111-111111111111'
const run = {
  cluster: 'main',
  namespace: 'payments',
  uid: 'run-1',
  createdAt: began,
  trigger: 'push',
  eventListener: 'github',
}

describe('intercept', () => {
  it('registers a signed event: recorded, and claimed by its run', async () => {
    await using github = await startInterceptor({ clock })

    const outcome = await github.intercept(github.signed('push', pushBody()))

    expect(outcome).toMatchObject({ kind: 'registered', event: { id: eventId, login: 'octocat' } })
    expect(github.entries).toEqual([
      {
        type: 'dev.tokenbroker.event.registered.v1',
        subject: 'ci/push',
        time: began,
        data: {
          outcome: 'info',
          reason: 'event_verified',
          request: { door: 'interceptor' },
          event: expect.objectContaining({
            id: eventId,
            sender: 'acme',
            kind: 'github',
            trigger: 'ci/push',
            event_listener: 'ci/github',
            body_digest: expect.stringMatching(/^[0-9a-f]{64}$/),
            login: 'octocat',
            fields: expect.objectContaining({ ref: 'refs/heads/main', isSigned: true }),
          }),
        },
      },
    ])
    expect(github.book.claim(eventId, run)).toMatchObject({ person: 'alice@example.com' })
  })

  it('records nothing that nobody signed', async () => {
    await using github = await startInterceptor({ clock })
    const { body, header } = github.signed('push', pushBody())

    const unsigned = await github.intercept({ body, header: { 'X-Github-Event': ['push'] } })
    const forged = await github.intercept(github.signed('push', body, 'a secret that it does not have'))
    const changed = await github.intercept({ body: pushBody({ ref: 'refs/heads/x' }), header })
    const twice = { ...header, 'x-hub-signature-256': header['X-Hub-Signature-256'] ?? [] }

    expect(unsigned).toMatchObject({ kind: 'refused', reason: 'event_unsigned' })
    expect(forged).toMatchObject({ kind: 'refused', reason: 'event_signature' })
    expect(changed).toMatchObject({ kind: 'refused', reason: 'event_signature' })
    expect(await github.intercept({ body, header: twice })).toMatchObject({ reason: 'event_unsigned' })
    expect(github.entries).toEqual([])
    expect(github.book.claim(eventId, run)).toBeUndefined()
  })

  it('refuses a replay, also under another id and with other headers, and records it once', async () => {
    await using github = await startInterceptor({ clock })
    const push = github.signed('push', pushBody())
    await github.intercept(push)
    const renamed = { ...push, header: { ...push.header, 'X-Github-Delivery': [otherId] } }

    for (const more of [{}, { eventId: otherId }, { eventId: otherId }]) {
      expect(await github.intercept(renamed, more)).toMatchObject({ kind: 'refused', reason: 'event_replayed' })
    }

    expect(github.entries.map(({ type, data }) => [type, data.reason])).toEqual([
      ['dev.tokenbroker.event.registered.v1', 'event_verified'],
      ['dev.tokenbroker.event.refused.v1', 'event_replayed'],
    ])
    expect(github.book.claim(otherId, run)).toBeUndefined()
  })

  it('lets one of two equal events through that come at once', async () => {
    await using github = await startInterceptor({ clock })
    const push = github.signed('push', pushBody())

    const outcomes = await Promise.all([github.intercept(push), github.intercept(push, { eventId: otherId })])

    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['refused', 'registered'])
  })

  it('refuses a trigger that the sender is not bound to, a group, and a sender that the trigger does not have', async () => {
    await using github = await startInterceptor({ clock })
    const push = github.signed('push', pushBody())

    for (const more of [
      { triggerId: 'namespaces/ci/triggers/release' },
      { triggerId: 'namespaces/other/triggers/push' },
      { triggerId: 'namespaces/ci/triggerGroups/push' },
      { triggerId: '' },
      { params: { sender: 'other' } },
    ]) {
      expect(await github.intercept(push, more)).toMatchObject({ reason: 'event_sender_unknown' })
    }
    expect(await github.intercept(push, { params: { sender: 'acme' } })).toMatchObject({ kind: 'registered' })
  })

  it('says no while the audit stream cannot be written, and yes to the same event afterwards', async () => {
    await using github = await startInterceptor({ clock })
    const push = github.signed('push', pushBody())
    github.disk.isBroken = true
    expect(await github.intercept(push)).toMatchObject({ kind: 'refused', reason: 'event_unavailable' })

    github.disk.isBroken = false

    expect(await github.intercept(push, { eventId: otherId })).toMatchObject({ kind: 'registered' })
    expect(github.errors).toHaveLength(1)
  })

  it('refuses a signed body that is not what its header says, or no JSON', async () => {
    await using github = await startInterceptor({ clock })

    for (const message of [github.signed('pull_request', pushBody()), github.signed('push', 'payload=%7B%7D')]) {
      expect(await github.intercept(message)).toMatchObject({ reason: 'event_malformed' })
    }
  })

  it('refuses a signed event whose fields no record could hold whole', async () => {
    await using github = await startInterceptor({ clock })
    const long = 'é'.repeat(511)
    const repository = { full_name: long, clone_url: long, default_branch: long }
    const push = github.signed('push', pushBody({ repository, before: long, after: long }))

    expect(await github.intercept(push)).toMatchObject({ reason: 'event_malformed' })
    expect(github.entries).toEqual([])
  })

  it('says no while the secrets were never readable', async () => {
    await using github = await startInterceptor({ clock })
    await rm(github.secretDirectory, { recursive: true })

    expect(await github.intercept(github.signed('push', pushBody()))).toMatchObject({ reason: 'event_unavailable' })
  })

  it('takes up a second secret, and forgets the first when it is taken away', async () => {
    let now = began.getTime()
    await using github = await startInterceptor({ clock: () => new Date(now) })
    const second = 'another secret of the sender'
    const send = (body: string, key?: string) => {
      now += 10_000
      return github.intercept(github.signed('push', body, key), { eventId: randomUUID() })
    }
    await writeFile(join(github.secretDirectory, 'next'), second)
    expect(await send(pushBody({ a: 1 }), second)).toMatchObject({ kind: 'registered' })
    expect(await send(pushBody({ a: 2 }))).toMatchObject({ kind: 'registered' })
    await rm(join(github.secretDirectory, 'secret'))
    expect(await send(pushBody({ a: 3 }))).toMatchObject({ reason: 'event_signature' })
    expect(await send(pushBody({ a: 4 }), second)).toMatchObject({ kind: 'registered' })
  })
})

describe('createSenders', () => {
  const triggers = [{ namespace: 'ci', name: 'push', eventListener: { name: 'github' } }]
  const senderOf = (name: string, more: object = {}) => ({
    name,
    kind: 'hmac',
    hmac: { header: 'X-Signature' },
    secretDirectory: '/secrets',
    triggers,
    ...more,
  })
  const parse = (...senders: readonly object[]) => interceptorConfig.safeParse({ senders })

  it('asks for a name where several senders may start a trigger', () => {
    const config = interceptorConfig.parse({ senders: [senderOf('one'), senderOf('two')] })
    const senders = createSenders(config, { clock, onError: () => undefined })
    const message = { body: '{}', header: {} }

    expect(senders.ofDelivery(delivery(message))).toMatchObject({ reason: 'event_sender_unknown' })
    const named = senders.ofDelivery(delivery(message, { params: { sender: 'two' } }))
    expect(named).toMatchObject({ kind: 'bound', sender: { config: { name: 'two' } } })
  })

  it.each([
    ['a signed time without its header', { hmac: { header: 'X-Signature', content: '{timestamp}.{body}' } }],
    ['a time that is not signed', { hmac: { header: 'X-Signature', timestampHeader: 'X-Time' } }],
    ['content without the body', { hmac: { header: 'X-Signature', content: 'x' } }],
    ['a field that is no pointer', { fields: { environment: 'deployment' } }],
    ['a relative directory', { secretDirectory: 'secrets' }],
    ['no trigger', { triggers: [] }],
  ])('is not configured with %s', (_name, more) => {
    expect(parse(senderOf('one')).success).toBe(true)
    expect(parse(senderOf('one', more)).success).toBe(false)
  })

  it('names nobody by a shared token, and has each name once', () => {
    const token = { name: 'one', kind: 'gitlab-token', secretDirectory: '/secrets', triggers }
    expect(parse(token).success).toBe(true)
    expect(parse({ ...token, loginMap: { jsmith: 'alice' } }).success).toBe(false)
    expect(parse(token, token).success).toBe(false)
  })
})
