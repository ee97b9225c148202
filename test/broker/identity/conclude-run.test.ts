import { describe, expect, it } from 'vitest'
import { type AdmissionGuard, noAdmissionGuard } from '../../../broker/identity/admission-guard.ts'
import { concludeRun, mayHaveEvent, type Witnesses } from '../../../broker/identity/conclude-run.ts'
import { claimed, proved, type Walked, walkedNowhere } from '../../../broker/identity/walked.ts'
import { noRun, type VerifiedEvent } from '../../../core/identity/run.ts'

const guard: AdmissionGuard = { verifiedSince: () => new Date('2026-03-01T11:00:00Z'), why: () => '' }
const createdAt = new Date('2026-03-01T12:00:00Z')
const jane = { username: 'jane', uid: 'u1', kind: 'person' } as const
const listener = { username: 'system:serviceaccount:ci:github', uid: 'u2', kind: 'serviceaccount' } as const
const trigger = { eventListener: 'github', trigger: 'push', eventId: 'e1' }
const event: VerifiedEvent = {
  id: 'e1',
  sender: 'github',
  kind: 'github',
  eventListener: { namespace: 'ci', name: 'github' },
  trigger: { namespace: 'ci', name: 'push' },
  bodyDigest: 'a'.repeat(64),
  receivedAt: createdAt,
  login: 'octojane',
  person: 'jane@example.com',
  fields: { ref: 'refs/heads/main' },
}

function walkedOf({ run, ...changes }: Partial<Omit<Walked, 'run'>> & { run?: Partial<Walked['run']> } = {}): Walked {
  return {
    run: { ...noRun, assurance: 'claimed', evidence: [proved('pod'), proved('task-run')], ...run },
    objects: [
      { kind: 'Pod', createdAt },
      { kind: 'TaskRun', createdAt },
    ],
    addresses: ['10.0.0.7', 'fd00::7'],
    stamp: jane,
    ...changes,
  }
}

function conclude(walked: Walked, changes: Partial<Witnesses> = {}) {
  return concludeRun(walked, { namespace: 'payments', guard, event: undefined, peerAddress: '10.0.0.7', ...changes })
}

const hop = (name: string) => expect.objectContaining({ hop: name, verdict: 'claimed', detail: expect.any(String) })

describe('concludeRun', () => {
  it('verifies a run whose every step is proved', () => {
    expect(conclude(walkedOf())).toEqual({
      ...noRun,
      assurance: 'verified',
      initiator: { ...jane, isProved: true },
      maker: jane.username,
      evidence: ['pod', 'task-run', 'admission', 'peer-address', 'initiator'].map(proved),
    })
  })

  it.each<[string, Walked, Partial<Witnesses>]>([
    ['an unknown initiator', walkedOf({ stamp: undefined }), {}],
    ['a text of unknown source', walkedOf({ run: { evidence: [proved('pod'), claimed('source', 'x')] } }), {}],
    ['a task of unknown source', walkedOf({ run: { evidence: [claimed('task-source', 'x')] } }), {}],
    ['another address of the pod', walkedOf(), { peerAddress: 'fd00::7' }],
    ['an address as a dual-stack socket shows it', walkedOf(), { peerAddress: '::ffff:10.0.0.7' }],
    ['a pod whose address nobody knows yet', walkedOf({ addresses: [] }), {}],
    ['a CustomRun, for which the controller asks', walkedOf({ addresses: [] }), { peerAddress: undefined }],
    ['an event that the broker verified', walkedOf({ run: { trigger }, stamp: listener }), { event }],
  ])('verifies with %s', (_what, walked, witnesses) => {
    expect(conclude(walked, witnesses).assurance).toBe('verified')
  })

  it.each<[string, Walked, Partial<Witnesses>, string]>([
    ['a step that is a claim', walkedOf({ run: { evidence: [claimed('images', 'x')] } }), {}, 'images'],
    ['no admission policies', walkedOf(), { guard: noAdmissionGuard }, 'admission'],
    [
      'an object as old as the policies',
      walkedOf(),
      { guard: { ...guard, verifiedSince: () => createdAt } },
      'admission',
    ],
    [
      'an object that does not say its age',
      walkedOf({ objects: [{ kind: 'Pod', createdAt: undefined }] }),
      {},
      'admission',
    ],
    ['a request from elsewhere', walkedOf(), { peerAddress: '10.0.0.8' }, 'peer-address'],
    ['an event of labels only', walkedOf({ run: { trigger }, stamp: listener }), {}, 'event'],
    ['an event in the hands of a person', walkedOf({ run: { trigger }, stamp: jane }), { event }, 'event'],
  ])('claims with %s', (_what, walked, witnesses, name) => {
    const run = conclude(walked, witnesses)

    expect(run.assurance).toBe('claimed')
    expect(run.evidence).toContainEqual(hop(name))
  })

  it('asks the guard for the namespace of the run, and says why it does not hold', () => {
    const local: AdmissionGuard = {
      verifiedSince: (namespace) => (namespace === 'ci' ? createdAt : undefined),
      why: (namespace) => `exec is allowed in ${namespace}`,
    }

    expect(conclude(walkedOf(), { guard: local }).evidence).toContainEqual(
      claimed('admission', 'exec is allowed in payments'),
    )
  })

  it('leaves what no run made alone', () => {
    expect(conclude(walkedNowhere(noRun))).toBe(noRun)
  })

  describe('says who made the run', () => {
    it.each<[string, Walked, Partial<Witnesses>, object | undefined]>([
      ['by the stamp', walkedOf(), {}, { ...jane, isProved: true }],
      ['by a stamp that could be forged', walkedOf(), { guard: noAdmissionGuard }, { ...jane, isProved: false }],
      ['as unknown', walkedOf({ stamp: undefined }), {}, undefined],
      [
        'by a verified event',
        walkedOf({ run: { trigger }, stamp: listener }),
        { event },
        { username: 'jane@example.com', uid: undefined, kind: 'event', isProved: true },
      ],
      [
        'by an event whose labels could be forged',
        walkedOf({ run: { trigger }, stamp: listener }),
        { event, guard: noAdmissionGuard },
        { username: 'jane@example.com', uid: undefined, kind: 'event', isProved: false },
      ],
      [
        'by the stamp where the event names nobody',
        walkedOf({ run: { trigger }, stamp: listener }),
        { event: { ...event, person: undefined } },
        { ...listener, isProved: true },
      ],
      ['by the stamp of a person who wears the labels of an event', walkedOf({ run: { trigger } }), { event }, jane],
    ])('%s', (_what, walked, witnesses, initiator) => {
      const run = conclude(walked, witnesses)

      if (initiator === undefined) expect(run.initiator).toBeUndefined()
      else expect(run.initiator).toMatchObject(initiator)
      expect(run.maker).toBe(walked.stamp?.username)
    })
  })
})

describe('mayHaveEvent', () => {
  it.each([
    [walkedOf({ run: { trigger }, stamp: listener }), true],
    [walkedOf({ run: { trigger }, stamp: undefined }), true],
    [walkedOf({ run: { trigger }, stamp: jane }), false],
    [walkedOf({ stamp: listener }), false],
  ])('of run %# is %s', (walked, expected) => {
    expect(mayHaveEvent(walked)).toBe(expected)
  })
})
