import { describe, expect, it } from 'vitest'
import { resources, type WatchEvent } from '../../../../core/io/kube/api.ts'
import { answerJson } from '../scripted-server.ts'
import { pod, ref, setUp, signal } from './client-scene.ts'

describe('watch', () => {
  it('asks for bookmarks and an end, and yields events until the server ends the stream', async (context) => {
    const { client, seen } = await setUp(context, (_, response) => {
      response.end(`${JSON.stringify({ type: 'ADDED', object: pod })}\n`)
    })

    const watch = client.watch(resources.pods, { namespace: 'ci', resourceVersion: '4' }, signal)
    const events: WatchEvent[] = []
    for await (const event of watch) events.push(event)

    expect(events).toEqual([{ kind: 'added', object: pod }])
    expect(seen[0]?.path).toBe('/api/v1/namespaces/ci/pods')
    expect(Object.fromEntries(seen[0]?.query ?? [])).toEqual({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: '4',
      timeoutSeconds: '300',
    })
  })

  it('throws Expired when the version is too old', async (context) => {
    const { client } = await setUp(context, (_, response) => answerJson(response, 410, { reason: 'Gone' }))

    const first = client.watch(resources.pods, { resourceVersion: '1' }, signal)[Symbol.asyncIterator]().next()

    await expect(first).rejects.toMatchObject({ status: 410, reason: 'Expired' })
  })

  it('ends with the signal, and closes the stream', async (context) => {
    const closed = Promise.withResolvers<void>()
    const { client } = await setUp(context, (_, response) => {
      response.once('close', () => closed.resolve())
      response.write(`${JSON.stringify({ type: 'ADDED', object: pod })}\n`)
    })
    const stop = new AbortController()

    const reading = (async () => {
      for await (const _event of client.watch(resources.pods, { resourceVersion: '1' }, stop.signal)) {
        stop.abort(new RangeError('enough'))
      }
    })()

    await expect(reading).rejects.toThrow(RangeError)
    await closed.promise
  })

  it('closes the stream when the reader leaves', async (context) => {
    const closed = Promise.withResolvers<void>()
    const { client } = await setUp(context, (_, response) => {
      response.once('close', () => closed.resolve())
      response.write(`${JSON.stringify({ type: 'ADDED', object: pod })}\n`)
    })

    for await (const _event of client.watch(resources.pods, { resourceVersion: '1' }, signal)) break

    await closed.promise
  })

  it('keeps no request waiting, however many watches there are', async (context) => {
    const { client } = await setUp(context, ({ query }, response) => {
      if (query.has('watch')) response.write(`${JSON.stringify({ type: 'ADDED', object: pod })}\n`)
      else answerJson(response, 200, pod)
    })
    const stop = new AbortController()
    const watches = Array.from({ length: 40 }, () =>
      client.watch(resources.pods, { resourceVersion: '1' }, stop.signal)[Symbol.asyncIterator](),
    )

    await Promise.all(watches.map((watch) => watch.next()))

    expect(await client.get(resources.pods, ref, signal)).toEqual(pod)
    stop.abort()
  })
})
