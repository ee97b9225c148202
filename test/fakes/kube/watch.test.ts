import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { type Call, caller } from './call.ts'
import { at, textAt } from './json.ts'
import { type FakeKube, startKube } from './server.ts'

const secrets = '/api/v1/namespaces/payments/secrets'

interface WatchEvent {
  readonly type: string
  readonly object: KubeObject
}

/** Events of one watch, one by one; `undefined` when the stream ends. */
async function watch(
  kube: FakeKube,
  query: string,
): Promise<{ next: () => Promise<WatchEvent | undefined>; stop: () => void }> {
  const stopping = new AbortController()
  const answer = await fetch(`${kube.url}${secrets}?watch=1&${query}`, {
    headers: { authorization: `Bearer ${kube.adminToken}` },
    signal: stopping.signal,
  })
  if (answer.body === null || answer.status !== 200) throw new Error(`watch answered ${answer.status}`)
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  async function next(): Promise<WatchEvent | undefined> {
    for (let end = text.indexOf('\n'); end < 0; end = text.indexOf('\n')) {
      const { value, done } = await reader.read()
      if (done) return undefined
      text += value
    }
    const line = text.slice(0, text.indexOf('\n'))
    text = text.slice(line.length + 1)
    return JSON.parse(line) as WatchEvent
  }
  return { next, stop: () => stopping.abort() }
}

function summary(event: WatchEvent | undefined): string {
  return `${event?.type} ${event?.object.metadata?.name}`
}

describe('watches', () => {
  let kube: FakeKube
  let call: Call

  const create = (name: string, labels: Record<string, string> = {}) =>
    kube.objects.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'payments', labels } })
  const relabel = (name: string, labels: object) =>
    kube.objects.patch(resources.secrets, { namespace: 'payments', name }, { metadata: { labels } })
  const remove = (name: string) => kube.objects.delete(resources.secrets, { namespace: 'payments', name })
  const version = async () => textAt((await call('GET', secrets)).body, 'metadata', 'resourceVersion')

  beforeEach(async () => {
    kube = await startKube()
    call = caller(kube)
    create('first')
  })
  afterEach(() => kube.close())

  it('starts with what is there and goes on with what happens', async () => {
    const { next } = await watch(kube, '')
    const first = await next()
    create('second')
    relabel('second', { a: 'b' })
    remove('first')
    const rest = [await next(), await next(), await next()]

    expect([first, ...rest].map(summary)).toEqual(['ADDED first', 'ADDED second', 'MODIFIED second', 'DELETED first'])
    expect(Number(rest[2]?.object.metadata.resourceVersion)).toBeGreaterThan(
      Number(rest[1]?.object.metadata.resourceVersion),
    )
  })

  it('goes on from a resourceVersion without missing or repeating anything', async () => {
    const since = await version()
    create('second')
    const { next } = await watch(kube, `resourceVersion=${since}`)
    create('third')

    expect([summary(await next()), summary(await next())]).toEqual(['ADDED second', 'ADDED third'])
  })

  it('adds what enters the selection and deletes what leaves it', async () => {
    const { next } = await watch(kube, `labelSelector=a%3Db&resourceVersion=${await version()}`)
    relabel('first', { a: 'b' })
    relabel('first', { a: 'b', c: 'd' })
    relabel('first', { a: 'x' })
    const events = [await next(), await next(), await next()]

    expect(events.map(summary)).toEqual(['ADDED first', 'MODIFIED first', 'DELETED first'])
  })

  it('sends bookmarks to those who allow them, and one before it ends', async () => {
    const { next } = await watch(kube, `allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=${await version()}`)
    kube.bookmark()
    const bookmark = await next()
    const last = await next()

    expect(bookmark).toEqual({
      type: 'BOOKMARK',
      object: { kind: 'Secret', apiVersion: 'v1', metadata: { resourceVersion: await version() } },
    })
    expect(last?.type).toBe('BOOKMARK')
    expect(await next()).toBeUndefined()
  })

  it('marks the end of the initial events of a streaming list', async () => {
    const { next } = await watch(
      kube,
      'sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan',
    )

    expect(summary(await next())).toBe('ADDED first')
    expect(at(await next(), 'object', 'metadata', 'annotations')).toEqual({ 'k8s.io/initial-events-end': 'true' })
  })

  it('says 410 in the stream to a watch from before a compaction, and as status where told', async () => {
    const since = await version()
    create('second')
    kube.faults.compact()
    const { next } = await watch(kube, `resourceVersion=${since}`)
    const event = await next()
    kube.faults.expireAs('status')
    const refused = await call('GET', `${secrets}?watch=1&resourceVersion=${since}`)

    expect(event).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })
    expect(await next()).toBeUndefined()
    expect(refused).toMatchObject({ status: 410, body: { reason: 'Expired' } })
  })

  it('forgets history beyond its window', async () => {
    await using small = await startKube({ historySize: 2 })
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    for (const name of names)
      small.objects.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'payments' } })
    const { next } = await watch(small, 'resourceVersion=2')

    expect(await next()).toMatchObject({ type: 'ERROR', object: { code: 410 } })
  })

  it('says that a version from the future is too large', async () => {
    const answer = await call('GET', `${secrets}?watch=1&resourceVersion=99999999`)

    expect(answer).toMatchObject({ status: 504, body: { reason: 'Timeout' } })
  })

  it('is cut by dropWatches and mute after silenceWatches', async () => {
    const dropped = await watch(kube, `resourceVersion=${await version()}`)
    kube.faults.dropWatches({ resource: 'secrets' })
    await expect(dropped.next()).rejects.toThrow()

    const mute = await watch(kube, `resourceVersion=${await version()}`)
    kube.faults.silenceWatches()
    create('unheard')
    kube.faults.speak()
    const loud = await watch(kube, `resourceVersion=${await version()}`)
    create('heard')
    expect(summary(await loud.next())).toBe('ADDED heard')
    const nothing = mute.next().catch(() => 'cut')
    kube.faults.dropWatches()
    expect(await nothing).toBe('cut')
  })

  it('comes back on the same port with its objects', async () => {
    const before = await version()
    await kube.faults.stopListening()
    await expect(call('GET', secrets)).rejects.toThrow()
    await kube.faults.listenAgain()

    expect(await version()).toBe(before)
  })
})
