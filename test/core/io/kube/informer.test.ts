import type { ServerResponse } from 'node:http'
import { describe, expect, it, type TestContext } from 'vitest'
import { type KubeObject, resources } from '../../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../../core/io/kube/client.ts'
import { createInformer, type InformerOptions } from '../../../../core/io/kube/informer.ts'
import type { Change } from '../../../../core/io/kube/informer-store.ts'
import { createLog } from '../../../../core/io/log.ts'
import { createMailbox } from '../mailbox.ts'
import { manualTime } from '../manual-time.ts'
import { answerJson, noDelay, type Seen, startScripted } from '../scripted-server.ts'

const signal = new AbortController().signal

function pod(name: string, resourceVersion = '1', uid = `uid-${name}`) {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'ci', uid, resourceVersion } }
}

interface OpenWatch {
  readonly query: URLSearchParams
  send(type: string, object: object): void
  readonly response: ServerResponse
}

/** An API server of one kind, in the hands of the test. */
async function scene({ onTestFinished }: TestContext, more: Partial<InformerOptions<KubeObject>> = {}) {
  const held = { objects: [] as object[], version: '10', listStatus: 200, watchStatus: 200, lists: 0 }
  const watches = createMailbox<OpenWatch>()
  const changes = createMailbox<readonly [string, string, string]>()
  const lines: string[] = []

  const server = await startScripted(onTestFinished, ({ query }: Seen, response) => {
    if (!query.has('watch')) {
      held.lists += 1
      const { version: resourceVersion, objects: items } = held
      const body = { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion }, items }
      return answerJson(response, held.listStatus, body)
    }
    if (held.watchStatus !== 200) {
      watches.put({ query, response, send: () => undefined })
      return answerJson(response, held.watchStatus, {})
    }
    response.flushHeaders()
    const send = (type: string, object: object) => void response.write(`${JSON.stringify({ type, object })}\n`)
    watches.put({ query, response, send })
  })
  const client = createKubeClient({ credentials: { server: server.url }, delay: noDelay().delay })
  const time = manualTime(25_000)
  const tell = (change: Change<KubeObject>) => {
    const { name, uid } = change.value.metadata
    changes.put([change.kind, name, uid])
  }
  const informer = createInformer<KubeObject>({
    client,
    resource: resources.pods,
    onChange: tell,
    log: createLog({ name: 'test', level: 'debug', destination: { write: (line) => void lines.push(line) } }),
    clock: time.clock,
    delay: time.delay,
    random: () => 0.5,
    ...more,
  })
  onTestFinished(() => client.close())
  onTestFinished(() => informer.stop())
  return { held, watches, changes, lines, informer, time, tell }
}

describe('createInformer', () => {
  it('lists, then watches from there, and keeps what it saw', async (context) => {
    const { held, watches, changes, informer } = await scene(context)
    held.objects = [pod('a'), pod('b')]
    expect(informer.hasSynced()).toBe(false)

    informer.start()
    await informer.synced(signal)
    const watch = await watches.next()
    watch.send('ADDED', pod('c', '11'))
    watch.send('MODIFIED', pod('a', '12'))
    watch.send('DELETED', pod('b', '13'))

    expect(watch.query.get('resourceVersion')).toBe('10')
    expect([await changes.next(), await changes.next()]).toEqual([
      ['added', 'a', 'uid-a'],
      ['added', 'b', 'uid-b'],
    ])
    expect([await changes.next(), await changes.next(), await changes.next()]).toEqual([
      ['added', 'c', 'uid-c'],
      ['updated', 'a', 'uid-a'],
      ['deleted', 'b', 'uid-b'],
    ])
    expect(informer.hasSynced()).toBe(true)
    expect(informer.get({ namespace: 'ci', name: 'a' })?.metadata.resourceVersion).toBe('12')
    expect(informer.get({ namespace: 'ci', name: 'b' })).toBeUndefined()
    expect(informer.list('ci')).toHaveLength(2)
    expect(informer.list('other')).toEqual([])
  })

  it('goes on from the last event or bookmark when the server ends the stream', async (context) => {
    const { held, watches, informer } = await scene(context)

    informer.start()
    const first = await watches.next()
    first.send('ADDED', pod('a', '11'))
    first.send('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '25' } })
    first.response.end()

    expect((await watches.next()).query.get('resourceVersion')).toBe('25')
    expect(held.lists).toBe(1)
  })

  it('tells what went wrong last, until it hears the server again', async (context) => {
    const { held, informer, lines } = await scene(context)
    held.listStatus = 403
    expect(informer.failure()).toBeUndefined()

    informer.start()
    await expect.poll(() => lines.length, { interval: 5 }).toBeGreaterThan(0)
    expect(informer.failure()).toMatchObject({ name: 'KubeError', status: 403 })
    held.listStatus = 200
    await informer.synced(signal)

    expect(informer.failure()).toBeUndefined()
  })

  it('survives a connection that breaks', async (context) => {
    const { watches, changes, informer } = await scene(context)

    informer.start()
    const first = await watches.next()
    first.send('ADDED', pod('a', '11'))
    await changes.next()
    first.response.destroy()
    const second = await watches.next()
    second.send('ADDED', pod('b', '12'))

    expect(await changes.next()).toEqual(['added', 'b', 'uid-b'])
    expect(second.query.get('resourceVersion')).toBe('11')
  })

  it('lists again on 410, and tells what went and came meanwhile', async (context) => {
    const { held, watches, changes, informer } = await scene(context)
    held.objects = [pod('a'), pod('b')]

    informer.start()
    const first = await watches.next()
    await changes.next()
    await changes.next()
    held.objects = [pod('b'), pod('c')]
    held.version = '90'
    first.send('ERROR', { kind: 'Status', code: 410, reason: 'Expired' })

    expect((await watches.next()).query.get('resourceVersion')).toBe('90')
    expect(changes.left()).toEqual([
      ['deleted', 'a', 'uid-a'],
      ['added', 'c', 'uid-c'],
    ])
  })

  it('tells delete and add when an object was made anew under its name, in a list and in a watch', async (context) => {
    const { held, watches, changes, informer } = await scene(context)
    held.objects = [pod('a', '1', 'first')]

    informer.start()
    const first = await watches.next()
    held.objects = [pod('a', '20', 'second')]
    first.send('ERROR', { kind: 'Status', code: 410 })
    const second = await watches.next()
    second.send('MODIFIED', pod('a', '30', 'third'))
    second.send('DELETED', pod('a', '31', 'second'))
    second.send('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '40' } })
    second.response.end()
    await watches.next()

    expect(changes.left()).toEqual([
      ['added', 'a', 'first'],
      ['deleted', 'a', 'first'],
      ['added', 'a', 'second'],
      ['deleted', 'a', 'second'],
      ['added', 'a', 'third'],
    ])
    expect(informer.get({ namespace: 'ci', name: 'a' })?.metadata.uid).toBe('third')
  })

  it('tells nothing of an object that a second list brings unchanged', async (context) => {
    const { held, watches, changes, informer } = await scene(context)
    held.objects = [pod('a')]

    informer.start()
    const first = await watches.next()
    first.send('ERROR', { kind: 'Status', code: 410 })
    await watches.next()

    expect(changes.left()).toEqual([['added', 'a', 'uid-a']])
    expect(held.lists).toBe(2)
  })

  it('tries on while lists are refused, ever slower', async (context) => {
    const { held, time, watches, informer } = await scene(context)
    held.listStatus = 403

    informer.start()
    await expect.poll(() => time.asked.length).toBeGreaterThan(9)
    held.listStatus = 200
    await watches.next()

    expect(time.asked.slice(0, 9)).toEqual([375, 750, 1500, 3000, 6000, 12_000, 22_500, 22_500, 22_500])
    expect(informer.hasSynced()).toBe(true)
  })

  it('lists again when the watch is refused three times in a row', async (context) => {
    const { held, watches, informer } = await scene(context)
    held.watchStatus = 500

    informer.start()
    for (let i = 0; i < 3; i += 1) await watches.next()
    held.watchStatus = 200
    await watches.next()

    expect(held.lists).toBeGreaterThanOrEqual(2)
  })

  it('waits before it asks a server again that closes every stream at once', async (context) => {
    const { watches, time, informer } = await scene(context)

    informer.start()
    for (let i = 0; i < 2; i += 1) (await watches.next()).response.end()
    await watches.next()

    expect(time.asked.filter((ms) => ms < 25_000)).toEqual([375, 750])
  })

  it('begins a stream anew that is silent for 90 s', async (context) => {
    const { watches, time, informer } = await scene(context)

    informer.start()
    const silent = await watches.next()
    const closed = new Promise((resolve) => silent.response.once('close', resolve))
    await time.pass(90_000)

    await closed
    expect((await watches.next()).query.get('resourceVersion')).toBe('10')
  })

  it('takes a bookmark for a sign of life', async (context) => {
    const { watches, changes, time, informer } = await scene(context)
    informer.start()
    const watch = await watches.next()
    const began = informer.heardAt()

    await time.pass(60_000)
    watch.send('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '11' } })
    await expect.poll(() => informer.heardAt()).not.toEqual(began)
    await time.pass(60_000)
    watch.send('ADDED', pod('a', '12'))
    await changes.next()

    expect(watch.response.closed).toBe(false)
    expect(watches.left()).toEqual([])
  })

  it('lists again when the last list is older than it may be', async (context) => {
    const { held, watches, time, informer } = await scene(context, { relistMs: 600_000, maxSilenceMs: 1e9 })
    informer.start()
    const watch = await watches.next()
    held.version = '77'

    await time.pass(600_000)
    watch.send('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '50' } })

    expect((await watches.next()).query.get('resourceVersion')).toBe('77')
  })

  it.for([
    [
      'throws',
      () => {
        throw new Error('handler')
      },
    ],
    ['rejects', () => Promise.reject(new Error('handler'))],
  ] as const)('logs a handler that %s, and goes on', async ([, handler], context) => {
    const { held, watches, lines, informer } = await scene(context, { onChange: handler })
    held.objects = [pod('a'), pod('b')]

    informer.start()
    ;(await watches.next()).send('ADDED', pod('c', '11'))

    await expect.poll(() => informer.list()).toHaveLength(3)
    await expect.poll(() => lines.filter((line) => line.includes('change handler failed'))).toHaveLength(3)
  })

  it('keeps what parse makes, and counts as absent what it refuses', async (context) => {
    const parse = (object: KubeObject): KubeObject => {
      if (object.metadata.resourceVersion === '13') throw new Error('not usable')
      return { ...object, kind: 'Parsed' }
    }
    const { held, watches, changes, lines, informer } = await scene(context, { parse })
    held.objects = [pod('a'), pod('bad', '13')]

    informer.start()
    const watch = await watches.next()
    expect(informer.list().map(({ kind, metadata }) => [kind, metadata.name])).toEqual([['Parsed', 'a']])
    watch.send('MODIFIED', pod('a', '13'))

    expect([await changes.next(), await changes.next()]).toEqual([
      ['added', 'a', 'uid-a'],
      ['deleted', 'a', 'uid-a'],
    ])
    expect(informer.list()).toEqual([])
    expect(lines.filter((line) => line.includes('object is not usable'))).toHaveLength(2)
  })

  it('stops for good: the stream is closed and no handler is called any more', async (context) => {
    const { watches, changes, time, informer } = await scene(context)
    informer.start()
    const watch = await watches.next()
    const closed = new Promise((resolve) => watch.response.once('close', resolve))

    await informer.stop()
    await closed

    informer.start()
    await informer.stop()
    expect(watches.left()).toEqual([])
    expect(changes.left()).toEqual([])
    expect(time.pending()).toBe(0)
  })

  it('stops while it is trying to list', async (context) => {
    const { held, time, informer } = await scene(context)
    held.listStatus = 403
    informer.start()
    await expect.poll(() => time.asked.length).toBeGreaterThan(2)

    await informer.stop()

    expect(informer.hasSynced()).toBe(false)
  })

  it('gives up waiting for the first list when the caller does', async (context) => {
    const { informer } = await scene(context)
    const caller = new AbortController()

    const waiting = informer.synced(caller.signal)
    caller.abort(new RangeError('enough'))

    await expect(waiting).rejects.toThrow(RangeError)
    await expect(informer.synced(caller.signal)).rejects.toThrow(RangeError)
  })
})
