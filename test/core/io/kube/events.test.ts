import { describe, expect, it } from 'vitest'
import { KubeError, type KubeObject } from '../../../../core/io/kube/api.ts'
import { createEventRecorder, type ObjectEvent } from '../../../../core/io/kube/events.ts'
import { createLog } from '../../../../core/io/log.ts'

const signal = new AbortController().signal
const run: KubeObject = {
  apiVersion: 'tekton.dev/v1beta1',
  kind: 'CustomRun',
  metadata: { name: 'token', namespace: 'ci', uid: 'u1', resourceVersion: '7' },
}
const denied: ObjectEvent = { type: 'Warning', reason: 'Denied', message: 'The policy does not allow this' }

function scene(failure?: { create?: unknown; patch?: unknown }) {
  const calls: unknown[][] = []
  const lines: string[] = []
  let ids = 0
  const client = {
    create: async (...call: unknown[]) => {
      calls.push(['create', ...call.slice(0, -1)])
      if (failure?.create) throw failure.create
      return run as never
    },
    patch: async (...call: unknown[]) => {
      calls.push(['patch', ...call.slice(1, -1)])
      if (failure?.patch) throw failure.patch
      return run as never
    },
  }
  const recorder = createEventRecorder({
    client,
    component: 'tokenbroker-controller',
    instance: 'controller-0',
    clock: () => new Date('2026-01-01T00:00:00Z'),
    id: () => {
      ids += 1
      return `id${ids}`
    },
    log: createLog({ name: 'test', destination: { write: (line) => void lines.push(line) } }),
  })
  return { recorder, calls, lines }
}

describe('createEventRecorder', () => {
  it('creates an Event about the object', async () => {
    const { recorder, calls } = scene()

    await recorder.record(run, denied, signal)

    expect(calls).toEqual([
      [
        'create',
        expect.objectContaining({ plural: 'events' }),
        {
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { namespace: 'ci', name: 'token.id1' },
          involvedObject: {
            apiVersion: 'tekton.dev/v1beta1',
            kind: 'CustomRun',
            namespace: 'ci',
            name: 'token',
            uid: 'u1',
            resourceVersion: '7',
          },
          ...denied,
          count: 1,
          firstTimestamp: '2026-01-01T00:00:00Z',
          lastTimestamp: '2026-01-01T00:00:00Z',
          source: { component: 'tokenbroker-controller' },
          reportingComponent: 'tokenbroker-controller',
          reportingInstance: 'controller-0',
        },
      ],
    ])
  })

  it('counts the same event up instead of making another', async () => {
    const { recorder, calls } = scene()

    await recorder.record(run, denied, signal)
    await recorder.record(run, denied, signal)
    await recorder.record(run, denied, signal)

    expect(calls.slice(1)).toEqual(
      [2, 3].map((count) => [
        'patch',
        { namespace: 'ci', name: 'token.id1' },
        { count, lastTimestamp: '2026-01-01T00:00:00Z' },
        { type: 'merge' },
      ]),
    )
  })

  it('makes another for another message, and for another object of the name', async () => {
    const { recorder, calls } = scene()

    await recorder.record(run, denied, signal)
    await recorder.record(run, { ...denied, message: 'other' }, signal)
    await recorder.record({ ...run, metadata: { ...run.metadata, uid: 'u2' } }, denied, signal)

    expect(calls.map(([verb]) => verb)).toEqual(['create', 'create', 'create'])
  })

  it('makes another when the first one has expired', async () => {
    const { recorder, calls } = scene({ patch: new KubeError(404, 'NotFound', 'gone') })

    await recorder.record(run, denied, signal)
    await recorder.record(run, denied, signal)

    expect(calls.map(([verb]) => verb)).toEqual(['create', 'patch', 'create'])
  })

  it('logs what cannot be recorded, and does not throw', async () => {
    const { recorder, lines } = scene({ create: new KubeError(403, 'Forbidden', 'no') })

    await recorder.record(run, denied, signal)

    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: 'event not recorded', object: 'token', reason: 'Denied' })
  })

  it('cuts a long message, and names events of cluster-wide objects in namespace default', async () => {
    const { recorder, calls } = scene()
    const { namespace: _, ...metadata } = run.metadata

    await recorder.record({ ...run, metadata }, { ...denied, message: 'x'.repeat(2000) }, signal)

    expect(calls[0]?.[2]).toMatchObject({ metadata: { namespace: 'default' }, message: 'x'.repeat(1024) })
  })

  it('forgets the oldest of more than a thousand', async () => {
    const { recorder, calls } = scene()

    for (let i = 0; i <= 1024; i += 1) await recorder.record(run, { ...denied, message: String(i) }, signal)
    await recorder.record(run, { ...denied, message: '0' }, signal)
    await recorder.record(run, { ...denied, message: '1024' }, signal)

    expect(calls.slice(-2).map(([verb]) => verb)).toEqual(['create', 'patch'])
  })

  it('names an Event by its key, and tells it once', async () => {
    const { recorder, calls } = scene()
    for (let i = 0; i < 2; i += 1) await recorder.record(run, { ...denied, key: 'pod-1' }, signal)

    expect(calls).toEqual([
      ['create', expect.anything(), expect.objectContaining({ metadata: { namespace: 'ci', name: 'token.pod-1' } })],
    ])
  })

  it('leaves an Event of the same key alone that another process told', async () => {
    const { recorder, calls, lines } = scene({ create: new KubeError(409, 'AlreadyExists', 'it exists') })
    for (let i = 0; i < 2; i += 1) await recorder.record(run, { ...denied, key: 'pod-1' }, signal)

    expect(calls).toHaveLength(1)
    expect(lines).toEqual([])
  })
})
