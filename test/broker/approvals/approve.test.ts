import { describe, expect, it } from 'vitest'
import { createApprove } from '../../../broker/approvals/approve.ts'
import { NotApproved } from '../../../broker/approvals/pending.ts'
import { questionOf } from '../../../broker/approvals/question.ts'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import type { Allowance } from '../../../core/policy/allowance.ts'
import { Problem } from '../../../core/problem.ts'
import { accessTo, candidateOf, policyOf, run } from '../../core/policy/policy-fixture.ts'
import { allowanceOf, into, managers, type Scene, signal, startScene } from './approve-scene.ts'
import { holdDecisions } from './hold-decisions.ts'

const yes = (by: string) => ({ by, verdict: 'Approved' as const })

async function reasonOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'approved'
  } catch (cause) {
    if (cause instanceof Problem) return cause.reason
    throw cause
  }
}

async function typesOf(scene: Scene): Promise<readonly string[]> {
  return (await scene.records()).map(({ type, data }) => `${type.split('.').slice(2, 4).join('.')} ${data.reason}`)
}

/** Writes the policy anew, as if that had been so long ago. */
function changePolicy({ kube: { objects }, wait }: Scene, agoMs: number): void {
  const policies = resources.validatingAdmissionPolicies
  const [policy] = objects.list(policies) as KubeObject[]
  if (policy === undefined) throw new Error('no policy is installed')
  wait(-agoMs)
  objects.delete(policies, policy.metadata)
  objects.create({ ...policy, metadata: { name: policy.metadata.name } } as KubeObject)
  wait(agoMs)
}

describe('createApprove', () => {
  it('asks nobody where nobody has to say yes', async () => {
    const scene = await startScene()

    await scene.approve({ allowance: allowanceOf({}, []) })

    expect(scene.kube.objects.list(resources.tokenApprovals)).toEqual([])
    expect(await scene.records()).toEqual([])
  })

  it('asks once, says whom and for how long, and goes on when they said yes', async () => {
    const scene = await startScene()

    const first = await scene.approve().catch((cause: unknown) => cause)
    const again = await reasonOf(scene.approve())

    expect(first).toBeInstanceOf(NotApproved)
    expect(first).toMatchObject({
      reason: 'approval_pending',
      asked: { approval: scene.approval().metadata.name, intervalSeconds: 5 },
      mend: `Waiting for 1 person of release-managers to approve: tokenbroker approve ${scene.approval().metadata.name} -n payments`,
    })
    expect((first as NotApproved).asked.expiresInSeconds).toBeGreaterThan(1790)
    expect(again).toBe('approval_pending')
    expect(scene.approval()).toMatchObject({
      metadata: { namespace: 'payments', ownerReferences: [{ kind: 'PipelineRun', uid: run.pipelineRun?.uid }] },
      spec: {
        request: { initiator: { username: 'alice' }, scopes: ['deploy:staging'], into, ttlSeconds: 300 },
        requirements: [{ groups: ['release-managers'], required: 1 }],
        decisions: [],
      },
    })
    expect(await scene.shows('Pending')).toContain('1 person of release-managers')

    scene.decide(yes('bob'))

    expect(await scene.shows('Approved')).toBe('Approved by bob')
    await scene.approve()
    expect(await typesOf(scene)).toEqual(['approval.requested approval_requested', 'approval.decided approved'])
    expect((await scene.records()).at(-1)?.data.approval).toMatchObject({ decisions: [yes('bob')] })
  })

  it('tells a pod that waits what could wait in its place', async () => {
    const scene = await startScene()
    const mends: string[] = []
    for (let i = 0; i < 2; i += 1)
      await scene.approve({ isPod: true }).catch(({ mend }: NotApproved) => mends.push(mend))

    expect(mends).toEqual(
      Array(2).fill(expect.stringMatching(/; put a TokenExchange task before this one, which waits/)),
    )
  })

  it.each<[string, (scene: Scene) => Promise<void>]>([
    ['open', async () => undefined],
    [
      'expired',
      async (scene) => {
        scene.wait(1800_000)
      },
    ],
  ])('asks people eight questions of one run for its pods, at once or in turn, while they are %s', async (_, after) => {
    const scene = await startScene()
    const withTtl = (ttlSeconds: number) => ({ allowance: { ...allowanceOf(), ttlSeconds }, isPod: true })

    const atOnce = await Promise.all(Array.from({ length: 10 }, (_, at) => reasonOf(scene.approve(withTtl(60 + at)))))
    await after(scene)
    const ninth = await scene.approve(withTtl(200)).catch((cause: unknown) => cause)

    expect(atOnce.filter((reason) => reason === 'approval_pending')).toHaveLength(8)
    expect(ninth).toMatchObject({ reason: 'rate_limited', mend: expect.stringMatching(/put a TokenExchange task/) })
    expect(await reasonOf(scene.approve(withTtl(60)))).not.toBe('rate_limited')
    expect(await reasonOf(scene.approve({ ...withTtl(300), isPod: false }))).toBe('approval_pending')
  })

  it('asks once, however many ask at once', async () => {
    const scene = await startScene()

    const reasons = await Promise.all(Array.from({ length: 4 }, () => reasonOf(scene.approve())))

    expect(new Set(reasons)).toEqual(new Set(['approval_pending']))
    expect(await typesOf(scene)).toEqual(['approval.requested approval_requested'])
  })

  it('takes the no of one person as final', async () => {
    const scene = await startScene()
    await reasonOf(scene.approve())

    scene.decide({ by: 'bob', verdict: 'Rejected', comment: 'not on a Friday' })
    await scene.shows('Rejected')
    scene.kube.objects.delete(resources.tokenApprovals, scene.approval().metadata)

    expect(await reasonOf(scene.approve())).toBe('approval_rejected')
  })

  it('counts neither the initiator nor a ServiceAccount, whatever the object says', async () => {
    const scene = await startScene()
    await reasonOf(scene.approve())

    scene.decide(yes('alice'), yes('system:serviceaccount:payments:bot'))

    expect(await reasonOf(scene.approve())).toBe('approval_pending')
  })

  it('does not believe a status', async () => {
    const scene = await startScene()
    await reasonOf(scene.approve())
    await scene.shows('Pending')

    const condition = { type: 'Decided', status: 'True', reason: 'Approved', message: 'by nobody' }
    const conditions = [{ ...condition, lastTransitionTime: '2026-03-01T12:00:00Z' }]
    scene.kube.objects.patchStatus(resources.tokenApprovals, scene.approval().metadata, { conditions })

    expect(await reasonOf(scene.approve())).toBe('approval_pending')
  })

  it('is over in time, and a decision after that counts nothing', async () => {
    const scene = await startScene()
    await reasonOf(scene.approve())
    await scene.shows('Pending')

    scene.wait(1800_000)
    scene.decide(yes('bob'))
    await scene.shows('Expired')

    expect(await reasonOf(scene.approve())).toBe('approval_expired')
    expect(await typesOf(scene)).toEqual(['approval.requested approval_requested', 'approval.expired approval_expired'])
  })

  it('stays over for as long as the run goes on, also over a restart days later', async () => {
    const scene = await startScene()
    await reasonOf(scene.approve())
    await scene.shows('Pending')
    scene.wait(1800_000)
    scene.decide(yes('bob'))
    await scene.shows('Expired')

    scene.wait(25 * 3600_000)
    const later = await scene.restart()

    expect(await reasonOf(later.approve())).toBe('approval_expired')
  })

  it('closes with the run, and a decision after that counts nothing', async () => {
    const scene = await startScene()
    await reasonOf(scene.approve())
    await scene.shows('Pending')

    await scene.endRun()
    await scene.shows('Closed')
    scene.decide(yes('bob'))

    expect(await reasonOf(scene.approve())).toBe('run_ended')
  })

  it('slows down who asks too often, and tells at once what was decided', async () => {
    const scene = await startScene()
    await reasonOf(scene.approve())

    const reasons: string[] = []
    for (let i = 0; i < 5; i += 1) reasons.push(await reasonOf(scene.approve()))
    const other = await reasonOf(scene.approve({ poller: 'another-pod' }))
    scene.decide(yes('bob'))
    await scene.shows('Approved')

    expect(reasons.at(-1)).toBe('approval_slow_down')
    expect(other).toBe('approval_pending')
    await scene.approve()
  })

  it('goes on where it was after a restart: open, approved, and decided in between', async () => {
    const scene = await startScene()
    await reasonOf(scene.approve())

    const second = await scene.restart()
    expect(await reasonOf(second.approve())).toBe('approval_pending')
    second.decide(yes('bob'))
    await second.shows('Approved')
    second.kube.objects.delete(resources.tokenApprovals, second.approval().metadata)
    const third = await second.restart()

    await third.approve()
    expect((await typesOf(third)).filter((type) => type.startsWith('approval.requested'))).toHaveLength(1)
  })

  it.each<[string, () => { allowance?: Allowance; into?: typeof into }]>([
    [
      'another run',
      () => ({
        allowance: allowanceOf({
          run: { ...run, pipelineRun: { name: 'release-2', uid: '99999999-9999-4999-8999-999999999999' } },
        }),
      }),
    ],
    [
      'a later generation of the policy',
      () => ({ allowance: allowanceOf({ candidates: [candidateOf({ policy: { ...policyOf(), generation: 4 } })] }) }),
    ],
    [
      'another policy',
      () => ({ allowance: allowanceOf({ candidates: [candidateOf({ policy: policyOf({}, 'other') })] }) }),
    ],
    [
      'another scope',
      () => ({
        allowance: allowanceOf({
          candidates: [candidateOf({ scopes: ['deploy:production'], rbac: accessTo(['deploy:production']) })],
        }),
      }),
    ],
    ['another task', () => ({ into: [{ task: 'test', serviceAccount: 'deployer' }] })],
    ['another ServiceAccount', () => ({ into: [{ task: 'deploy', serviceAccount: 'builder' }] })],
    [
      'other people who have to say yes',
      () => ({ allowance: allowanceOf({}, [managers, { ...managers, groups: ['security'] }]) }),
    ],
  ])('asks again for %s', async (_, changed) => {
    const scene = await startScene()
    await reasonOf(scene.approve())
    scene.decide(yes('bob'))
    await scene.shows('Approved')

    expect(await reasonOf(scene.approve(changed()))).toBe('approval_pending')
  })

  it('takes no approved gate for a yes to a pod that is no task of the pipeline', async () => {
    const scene = await startScene()
    await reasonOf(scene.approve({ into: [] }))
    scene.decide(yes('bob'))
    await scene.shows('Approved')
    await scene.approve({ into: [] })

    expect(await reasonOf(scene.approve({ into: [], isPod: true }))).toBe('approval_unavailable')
  })

  it('takes no answer to another question whose name is made to be the same', async () => {
    const scene = await startScene()
    const { cluster, namespace, run: of, name } = questionOf(allowanceOf(), into, new Date())
    const until = new Date(Date.now() + 60_000)
    const fate = { name, cluster, namespace, run: of, digest: 'f'.repeat(64), askedUntil: until, expiresAt: until }
    const book = {
      approval: () => ({ ...fate, verdict: 'approved' as const }),
      approvalsOfRun: () => [],
      authorizationsOfRun: () => [],
      isRunEnded: () => false,
    }
    const clusters = new Map([['main', scene.asked]])
    const approve = createApprove({ book, clusters, isWithinPollRate: () => true, clock: () => new Date() })
    const input = { allowance: allowanceOf(), into, poller: 'pod-uid', isPod: false, recordRequest: async () => {} }

    expect(await reasonOf(approve(input, signal))).toBe('approval_unavailable')
  })

  it('asks nobody where nothing holds decisions against who makes them', async () => {
    const scene = await startScene({ isHeld: false })

    expect(await reasonOf(scene.approve())).toBe('approval_unavailable')
    expect(scene.kube.objects.list(resources.tokenApprovals)).toEqual([])

    holdDecisions(scene.kube)
    expect(await scene.approve().catch((cause: unknown) => cause)).toMatchObject({
      reason: 'kubernetes_unavailable',
      mend: expect.stringContaining('changed just now'),
    })
    expect(scene.kube.objects.list(resources.tokenApprovals)).toEqual([])

    scene.wait(6000)
    expect(await reasonOf(scene.approve())).toBe('approval_pending')
  })

  it.each([
    ['no decision about a question from just after the policy changed', 2, 'NotCounted'],
    ['a decision about a question from when every API server had it', 7, 'Approved'],
  ])('counts %s', async (_, seconds, shown) => {
    const scene = await startScene()
    await reasonOf(scene.approve())
    changePolicy(scene, seconds * 1000)

    scene.decide(yes('bob'))

    expect(await scene.shows(shown)).toMatch(/./)
  })

  it('counts no decision while the policy only audits, nor of a question from before it changed', async () => {
    const scene = await startScene()
    await reasonOf(scene.approve())
    const binding = { name: 'tokenbroker-approvals' }
    const bindings = resources.validatingAdmissionPolicyBindings
    scene.kube.objects.patch(bindings, binding, { spec: { validationActions: ['Audit'] } })

    scene.decide(yes('bob'))

    expect(await scene.shows('NotCounted')).toContain('not counted')
    expect(await reasonOf(scene.approve())).toBe('approval_pending')
  })

  it('takes no question for its own that says something else under its name', async () => {
    const scene = await startScene()
    const first = await scene.approve().catch((cause: NotApproved) => cause)
    const planted = scene.approval()
    const other = await startScene()
    const { name, namespace } = planted.metadata
    const request = { ...planted.spec.request, audience: 'https://harmless.example.com' }
    other.kube.objects.create({ ...planted, metadata: { name, namespace }, spec: { ...planted.spec, request } })

    expect(first).toBeInstanceOf(NotApproved)
    expect(await reasonOf(other.approve())).toBe('approval_unavailable')
  })
})
