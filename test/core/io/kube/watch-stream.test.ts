import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { WatchEvent } from '../../../../core/io/kube/api.ts'
import { watchEvents } from '../../../../core/io/kube/watch-stream.ts'

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', uid: 'u', resourceVersion: '5' } }

async function read(chunks: readonly (string | Uint8Array)[], limit = 1000): Promise<WatchEvent[]> {
  async function* body() {
    for (const chunk of chunks) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk
  }
  const events: WatchEvent[] = []
  for await (const event of watchEvents(body(), 'GET /pods', { maxLineLength: limit })) events.push(event)
  return events
}

function line(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`
}

describe('watchEvents', () => {
  it('reads events and bookmarks, without managed fields', async () => {
    const managed = { ...pod, metadata: { ...pod.metadata, managedFields: [{ manager: 'x' }] } }

    const events = await read([
      line('ADDED', managed),
      line('MODIFIED', pod),
      '\n',
      line('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '9' } }),
      line('DELETED', pod),
    ])

    expect(events).toEqual([
      { kind: 'added', object: pod },
      { kind: 'modified', object: pod },
      { kind: 'bookmark', resourceVersion: '9' },
      { kind: 'deleted', object: pod },
    ])
  })

  it('reads the same events wherever the chunks are cut', async () => {
    const named = { ...pod, spec: { text: 'ä€😀 "\\n' } }
    const bytes = Buffer.from(line('ADDED', named) + line('MODIFIED', named))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: bytes.length }), { maxLength: 8 }), async (cuts) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
        const chunks = edges.slice(1).map((end, i) => bytes.subarray(edges[i], end))

        expect(await read(chunks)).toEqual([
          { kind: 'added', object: named },
          { kind: 'modified', object: named },
        ])
      }),
    )
  })

  it('drops half a line at the end', async () => {
    expect(await read([line('ADDED', pod), '{"type":"MODI'])).toHaveLength(1)
  })

  it('throws Expired on an ERROR event with 410', async () => {
    const status = { kind: 'Status', code: 410, reason: 'Gone', message: 'too old resource version: 1 (2)' }

    await expect(read([line('ERROR', status)])).rejects.toMatchObject({
      name: 'KubeError',
      status: 410,
      reason: 'Expired',
      message: 'GET /pods was answered 410 Expired',
    })
  })

  it.each([
    ['no JSON', 'nonsense\n'],
    ['no event', '{"a":1}\n'],
    ['an object without metadata', line('ADDED', { kind: 'Pod' })],
    ['an object without a name', line('ADDED', { metadata: { resourceVersion: '1' } })],
    ['an unknown type', line('RENAMED', pod)],
  ])('throws on %s, without repeating it', async (_, text) => {
    await expect(read([text])).rejects.toMatchObject({
      name: 'KubeUnreachable',
      message: expect.stringMatching(/^GET \/pods sent an? [a-z ]+$|^GET \/pods sent something that is no event$/),
    })
  })

  it('throws on a line over the limit before it has ended', async () => {
    await expect(read(['x'.repeat(60), 'x'.repeat(60)], 100)).rejects.toMatchObject({ name: 'BodyTooLarge' })
  })
})
