import { describe, expect, it } from 'vitest'
import { describeRun } from '../../../core/audit/describe-run.ts'
import { noRun, type Run } from '../../../core/identity/run.ts'

const source = { uri: 'git+https://github.com/acme/x', digest: 'sha1:abc', entryPoint: 'a.yaml', revision: 'main' }
const run: Run = {
  ...noRun,
  assurance: 'verified',
  pipelineRun: { name: 'release-1', uid: 'u1' },
  initiator: { username: 'jane', uid: 'u2', kind: 'person', isProved: true },
  source,
  taskSource: { uri: 'git+https://github.com/acme/y', digest: undefined, entryPoint: undefined, revision: undefined },
  hasPodTemplate: true,
  trigger: { eventListener: 'github', trigger: 'push', eventId: 'e1' },
  evidence: [{ hop: 'pod', verdict: 'proved' }],
}

describe('describeRun', () => {
  it('shows what the walk found', () => {
    expect(describeRun(run)).toEqual({
      assurance: 'verified',
      pipeline_run: 'release-1',
      pipeline_run_uid: 'u1',
      initiator: 'jane',
      initiator_uid: 'u2',
      initiator_from: 'stamp',
      is_initiator_proved: true,
      source: { uri: source.uri, digest: 'sha1:abc', entry_point: 'a.yaml', revision: 'main' },
      task_source: { uri: 'git+https://github.com/acme/y' },
      has_pod_template: true,
      trigger: { event_listener: 'github', trigger: 'push', event_id: 'e1' },
      evidence: [{ hop: 'pod', verdict: 'proved' }],
    })
  })

  it('shows nothing of what there is not', () => {
    expect(describeRun(noRun)).toEqual({ assurance: 'none' })
  })

  it('shows the event, and that it names the initiator', () => {
    const event = {
      id: 'e1',
      sender: 'github',
      kind: 'github',
      eventListener: { namespace: 'ci', name: 'github' },
      trigger: { namespace: 'ci', name: 'push' },
      bodyDigest: 'a'.repeat(64),
      receivedAt: new Date(0),
      login: 'octojane',
      person: 'jane@example.com',
      fields: { ref: 'refs/heads/main' },
    } as const
    const initiator = { username: 'jane@example.com', uid: undefined, kind: 'event', isProved: false } as const

    expect(describeRun({ ...noRun, event, initiator })).toMatchObject({
      event: { id: 'e1', login: 'octojane', fields: { ref: 'refs/heads/main' } },
      initiator: 'jane@example.com',
      initiator_from: 'event',
      is_initiator_proved: false,
    })
  })
})
