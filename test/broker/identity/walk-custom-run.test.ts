import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type CustomRunFacts,
  requireAskedByCustomRun,
  walkCustomRun,
} from '../../../broker/identity/walk-custom-run.ts'
import { noRun } from '../../../core/identity/run.ts'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import type { ExchangeRequest } from '../../../core/oauth/exchange-request.ts'
import { Secret } from '../../../core/secret.ts'
import { problemOf, reasonOf, rejection } from '../../core/reason-of.ts'
import { namespace, signal, startWorld, type World } from './identity-fixture.ts'
import {
  createCustomRun,
  createPipelineRun,
  createTaskRun,
  ensureAccount,
  failed,
  ownedBy,
  type Parts,
  running,
  startDeleting,
  succeeded,
  tokenTask,
} from './run-fixture.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

function walk(
  { metadata: { name, uid } }: KubeObject,
  changes: { name?: string; uid?: string; namespace?: string } = {},
) {
  return walkCustomRun({ namespace, name, uid, ...changes }, world.client, signal)
}

function create(parts: { pipelineRun?: Parts; customRun?: Parts } = {}) {
  const pipelineRun = createPipelineRun(world.kube, `release-${randomUUID().slice(0, 8)}`, parts.pipelineRun)
  return { pipelineRun, customRun: createCustomRun(world.kube, pipelineRun, parts.customRun) }
}

/** A pipeline whose token task has these params, and a CustomRun that says the same. */
function withParams(params: readonly object[], task: object = {}, spec: object = {}) {
  const pipelineSpec = {
    tasks: [
      { ...tokenTask, params, ...task },
      { name: 'deploy', runAfter: ['token'], taskRef: { kind: 'Task', name: 'rollout' } },
      { name: 'notify', runAfter: ['deploy'], taskRef: { kind: 'Task', name: 'mail' } },
    ],
  }
  return create({ pipelineRun: { spec, status: { pipelineSpec } }, customRun: { spec: { params } } })
}

describe('walkCustomRun', () => {
  it('finds the run, and the task that the token goes into', async () => {
    const { pipelineRun, customRun } = create()

    expect(await walk(customRun)).toEqual({
      walked: expect.anything(),
      run: {
        ...noRun,
        assurance: 'claimed',
        pipeline: 'release',
        pipelineRun: { name: pipelineRun.metadata.name, uid: pipelineRun.metadata.uid },
        task: 'token',
        customRun: { name: customRun.metadata.name, uid: customRun.metadata.uid },
        deadline: new Date('2026-03-01T13:00:00Z'),
        evidence: ['custom-run', 'pipeline-run', 'times'].map((hop) => ({ hop, verdict: 'proved' })),
      },
      params: expect.objectContaining({ policies: ['deploy-staging'], deliver: 'sidecar' }),
      into: [{ task: 'deploy', serviceAccount: 'deployer' }],
      serviceAccounts: ['deployer'],
      isDone: false,
    })
  })

  it.each(['pipelineRun', 'customRun'] as const)('hears of an agent from an annotation of the %s', async (part) => {
    const annotations = { 'tokenbroker.dev/agent': 'true' }

    expect((await walk(create({ [part]: { metadata: { annotations } } }).customRun)).run.isMarkedAgent).toBe(true)
    expect((await walk(create().customRun)).run.isMarkedAgent).toBe(false)
  })

  it('says what the run sets for the tasks that the token goes into, and where the pipeline came from', async () => {
    const podTemplate = { env: [{ name: 'A', value: 'b' }] }
    const uri = 'git+https://git.example/acme/x'
    const { customRun } = create({
      pipelineRun: {
        spec: {
          pipelineRef: { resolver: 'git', params: [{ name: 'revision', value: 'main' }] },
          taskRunSpecs: [{ pipelineTaskName: 'deploy', podTemplate }],
        },
        status: { provenance: { refSource: { uri } } },
      },
    })

    const { run } = await walk(customRun)

    expect(run).toMatchObject({ hasPodTemplate: true, source: { uri, revision: 'main' }, taskSource: undefined })
    expect(run.evidence).toContainEqual({ hop: 'source', verdict: 'proved' })
  })

  it('keeps as a claim that it is older than the start of its run', async () => {
    const { customRun } = create({ pipelineRun: { status: { startTime: '2026-03-01T12:00:03Z' } } })

    expect((await walk(customRun)).run.evidence).toContainEqual(
      expect.objectContaining({ hop: 'times', verdict: 'claimed' }),
    )
  })

  it('finds the ServiceAccount of each task, not that of the CustomRun', async () => {
    const taskRunSpecs = [{ pipelineTaskName: 'deploy', serviceAccountName: 'rollout-bot' }]
    const { customRun } = create({ pipelineRun: { spec: { taskRunSpecs } } })

    const { into, serviceAccounts } = await walk(customRun)

    expect(into).toEqual([{ task: 'deploy', serviceAccount: 'rollout-bot' }])
    expect(serviceAccounts).toEqual(['rollout-bot'])
  })

  it('takes every task that is named, each account once', async () => {
    const { customRun } = withParams([{ name: 'into', value: ['notify', 'deploy'] }])

    const { into, serviceAccounts } = await walk(customRun)

    expect(into.map(({ task }) => task)).toEqual(['deploy', 'notify'])
    expect(serviceAccounts).toEqual(['deployer'])
  })

  it('sorts the accounts of several tasks', async () => {
    const params = [{ name: 'into', value: ['deploy', 'notify'] }]
    const taskRunSpecs = [
      { pipelineTaskName: 'deploy', serviceAccountName: 'zeta' },
      { pipelineTaskName: 'notify', serviceAccountName: 'alpha' },
    ]
    const { customRun } = withParams(params, {}, { taskRunSpecs })

    expect((await walk(customRun)).serviceAccounts).toEqual(['alpha', 'zeta'])
  })

  it('tells two TokenExchange tasks of one pipeline apart', async () => {
    const name = `release-${randomUUID().slice(0, 8)}`
    const second = { ...tokenTask, name: 'push-token', taskRef: { ...tokenTask.taskRef, name: 'push-image' } }
    const pipelineRun = createPipelineRun(world.kube, name, {
      status: {
        pipelineSpec: {
          tasks: [
            tokenTask,
            second,
            { name: 'deploy', runAfter: ['token'], taskRef: { kind: 'Task', name: 'rollout' } },
            { name: 'push', runAfter: ['push-token'], taskRef: { kind: 'Task', name: 'push' } },
          ],
        },
        childReferences: [
          { kind: 'CustomRun', name: `${name}-token`, pipelineTaskName: 'token' },
          { kind: 'CustomRun', name: `${name}-push-token`, pipelineTaskName: 'push-token' },
        ],
      },
    })
    const customRun = createCustomRun(world.kube, pipelineRun, {
      metadata: { name: `${name}-push-token` },
      spec: { customRef: second.taskRef },
    })

    const { run, params, into } = await walk(customRun)

    expect([run.task, params.policies, into.map(({ task }) => task)]).toEqual(['push-token', ['push-image'], ['push']])
  })

  it('judges a gate by the account of the CustomRun', async () => {
    const { customRun } = withParams([{ name: 'deliver', value: 'none' }])

    const { into, serviceAccounts } = await walk(customRun)

    expect(into).toEqual([])
    expect(serviceAccounts).toEqual(['deployer'])
  })

  it.each([
    ['has succeeded', { conditions: succeeded }],
    ['has failed', { conditions: failed }],
    ['is complete', { completionTime: '2026-03-01T12:30:00Z' }],
  ])('says that the run has ended when its PipelineRun %s', async (_what, status) => {
    const { customRun } = create({ pipelineRun: { status } })

    expect((await walk(customRun)).run.hasEnded).toBe(true)
  })

  describe('finds no CustomRun', () => {
    it('of a name that does not exist', async () => {
      const { customRun } = create()

      expect((await rejection(walk(customRun, { name: 'nobody' }))).reason).toBe('custom_run_not_found')
    })

    it('of another uid', async () => {
      const { customRun } = create()

      expect((await rejection(walk(customRun, { uid: randomUUID() }))).reason).toBe('custom_run_not_found')
    })

    it('of another namespace', async () => {
      const { customRun } = create()

      expect((await rejection(walk(customRun, { namespace: 'other' }))).reason).toBe('custom_run_not_found')
    })

    it.each<[string, Parts]>([
      ['that has failed', { status: { conditions: failed } }],
      ['that is cancelled', { spec: { status: 'RunCancelled' }, status: { conditions: running } }],
      ['of another kind', { spec: { customRef: { apiVersion: 'example.com/v1', kind: 'Approval' } } }],
      [
        'of another version of our group',
        { spec: { customRef: { ...tokenTask.taskRef, apiVersion: 'tokenbroker.dev/v1' } } },
      ],
    ])('%s', async (_what, parts) => {
      const { customRun } = create({ customRun: parts })

      expect((await rejection(walk(customRun))).reason).toBe('custom_run_not_found')
    })

    it('that is being deleted', async () => {
      const { customRun } = create()
      startDeleting(world.kube, resources.customRuns, customRun)

      expect((await rejection(walk(customRun))).reason).toBe('custom_run_not_found')
    })
  })

  describe('sees that it was changed:', () => {
    it.each<[string, Parts, string]>([
      [
        'another policy',
        { spec: { customRef: { ...tokenTask.taskRef, name: 'deploy-production' } } },
        'spec.customRef.name',
      ],
      ['a param more', { spec: { params: [{ name: 'scope', value: 'deploy:production' }] } }, 'spec.params.scope'],
      ['another ServiceAccount', { spec: { serviceAccountName: 'admin' } }, 'spec.serviceAccountName'],
      ['no ServiceAccount, which is the default one', { spec: { serviceAccountName: '' } }, 'spec.serviceAccountName'],
    ])('%s', async (_what, parts, path) => {
      ensureAccount(world.kube, 'admin')
      const { customRun } = create({ customRun: parts })

      const problem = await rejection(walk(customRun))

      expect(problem.reason).toBe('custom_run_changed')
      expect(problem.detail).toContain(path)
    })

    it('a param that was edited after it was made', async () => {
      const { customRun } = withParams([{ name: 'scope', value: 'deploy:staging' }])
      const before = await walk(customRun)
      const { name } = customRun.metadata
      const params = [{ name: 'scope', value: 'deploy:production' }]
      world.kube.objects.patch(resources.customRuns, { namespace, name }, { spec: { params } })

      const problem = await rejection(walk(customRun))

      expect(before.params.scopes).toEqual(['deploy:staging'])
      expect(problem).toMatchObject({ reason: 'custom_run_changed' })
      expect(problem.detail).toContain('spec.params.scope')
      expect(`${problem.detail}${problem.mend}`).not.toContain('deploy:production')
    })

    it('a CustomRun that somebody made by hand, without an owner', async () => {
      const { pipelineRun } = create()
      const handMade = createCustomRun(world.kube, pipelineRun, {
        metadata: { name: `hand-${randomUUID()}`, ownerReferences: [] },
      })

      const problem = await rejection(walk(handMade))

      expect(problem.reason).toBe('custom_run_changed')
      expect(problem.mend).toContain('PipelineRun')
    })

    it('a CustomRun that somebody made by hand, with a forged owner', async () => {
      const { pipelineRun } = create()
      const handMade = createCustomRun(world.kube, pipelineRun, { metadata: { name: `hand-${randomUUID()}` } })

      const problem = await rejection(walk(handMade))

      expect(problem).toMatchObject({
        reason: 'custom_run_changed',
        detail: 'differs from the pipeline in metadata.name',
      })
    })

    it('an owner of another kind', async () => {
      const taskRun = createTaskRun(world.kube, `owner-${randomUUID()}`)
      const { customRun } = create({ customRun: { metadata: ownedBy(taskRun) } })

      expect((await rejection(walk(customRun))).reason).toBe('custom_run_changed')
    })

    it('an owner that is not its controller', async () => {
      const pipelineRun = createPipelineRun(world.kube, `release-${randomUUID()}`)
      const customRun = createCustomRun(world.kube, pipelineRun, {
        metadata: ownedBy(pipelineRun, { controller: false }),
      })

      expect((await rejection(walk(customRun))).reason).toBe('custom_run_changed')
    })

    it('a PipelineRun that was made again under the same name', async () => {
      const pipelineRun = createPipelineRun(world.kube, `release-${randomUUID()}`)
      const customRun = createCustomRun(world.kube, pipelineRun, {
        metadata: ownedBy(pipelineRun, { uid: randomUUID() }),
      })

      const problem = await rejection(walk(customRun))

      expect(problem).toMatchObject({
        reason: 'custom_run_changed',
        detail: 'the owner is not the PipelineRun of that name',
      })
    })

    it('a PipelineRun that is gone', async () => {
      const pipelineRun = createPipelineRun(world.kube, `release-${randomUUID()}`)
      const gone = { name: 'gone', uid: randomUUID() }
      const customRun = createCustomRun(world.kube, pipelineRun, { metadata: ownedBy(pipelineRun, gone) })

      expect((await rejection(walk(customRun))).reason).toBe('custom_run_changed')
    })

    it('a PipelineRun without a resolved pipeline', async () => {
      const { customRun } = create({ pipelineRun: { status: { pipelineSpec: undefined } } })

      expect((await rejection(walk(customRun))).reason).toBe('custom_run_changed')
    })
  })

  describe('for a Secret', () => {
    const toSecret = { name: 'deliver', value: 'secret' }
    const staging = { name: 'scope', value: 'deploy:staging' }

    it('finds a CustomRun that has succeeded, whose token may be renewed', async () => {
      const { pipelineRun, customRun } = withParams([toSecret])
      const { name } = customRun.metadata
      world.kube.objects.patchStatus(resources.customRuns, { namespace, name }, { conditions: succeeded })

      expect(pipelineRun.status).toMatchObject({ conditions: running })
      expect(await walk(customRun)).toMatchObject({ isDone: true, params: { deliver: 'secret' } })
    })

    it.each([
      ['deliver', [{ name: 'deliver', value: '$(tasks.build.results.how)' }], [toSecret]],
      ['scope', [toSecret, { name: 'scope', value: '$(tasks.build.results.scope)' }], [toSecret, staging]],
    ])('takes nothing from a result that the pipeline does not pin: %s', async (name, inPipeline, params) => {
      const { pipelineRun } = withParams(inPipeline)
      const { name: runName } = pipelineRun.metadata
      const made = { metadata: { name: `${runName}-token` }, spec: { params } }
      world.kube.objects.delete(resources.customRuns, { namespace, name: made.metadata.name })
      const customRun = createCustomRun(world.kube, pipelineRun, made)

      const problem = await rejection(walk(customRun))

      expect(problem.reason).toBe('custom_run_params')
      expect(problem.detail).toContain(`spec.params.${name}`)
    })

    it('speaks for one ServiceAccount, and names them where there are more', async () => {
      const taskRunSpecs = [{ pipelineTaskName: 'notify', serviceAccountName: 'notifier' }]
      const params = [toSecret, { name: 'into', value: ['deploy', 'notify'] }]
      const { customRun } = withParams(params, {}, { taskRunSpecs })

      const problem = await rejection(walk(customRun))

      expect(problem.reason).toBe('custom_run_params')
      expect(problem.mend).toContain('different ServiceAccounts (deployer, notifier)')
    })
  })

  it.each<[string, readonly object[], RegExp]>([
    ['a param that nobody knows', [{ name: 'colour', value: 'red' }], /unknown param colour/],
    [
      'a param that looks like a credential',
      [{ name: 'audience', value: 'ghp_0123456789' }],
      /looks like a credential/,
    ],
    ['a task that does not run after it', [{ name: 'into', value: ['build'] }], /no task of the pipeline/],
    ['a name with characters that no answer may have', [{ name: 'a"b\\c', value: 'x' }], /not printable/],
  ])('tells the mend for %s, in characters that an answer may have', async (_what, params, mend) => {
    const { customRun } = withParams(params)

    const problem = await rejection(walk(customRun))

    expect(problem.reason).toBe('custom_run_params')
    expect(problem.mend).toMatch(mend)
    expect(problem.mend).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
    expect(problem.mend).not.toContain('ghp_')
  })

  it('says what to add when nothing runs after it', async () => {
    const pipelineSpec = { tasks: [tokenTask, { name: 'deploy', taskRef: { kind: 'Task', name: 'rollout' } }] }
    const { customRun } = create({ pipelineRun: { status: { pipelineSpec } } })

    expect((await rejection(walk(customRun))).mend).toContain('add runAfter: [token]')
  })

  it.each(['customruns', 'pipelineruns'])('fails when reading %s gets no answer', async (resource) => {
    const { customRun } = create()
    world.kube.faults.next({ resource, namespace }, { kind: 'answer', status: 500 }, 20)

    const problem = await rejection(walk(customRun))
    world.kube.faults.clear()

    expect(problem.reason).toBe('kubernetes_unavailable')
  })
})

describe('requireAskedByCustomRun', () => {
  const params: CustomRunFacts['params'] = {
    policies: ['deploy-staging'],
    audience: 'https://deploy.example.com',
    scopes: ['b', 'a'],
    into: undefined,
    steps: undefined,
    as: undefined,
    ttlSeconds: 60,
    deliver: 'sidecar',
    isDryRun: false,
  }
  const found: CustomRunFacts = { run: noRun, params, into: [], serviceAccounts: ['deployer'], isDone: false }
  const request: ExchangeRequest = {
    grantType: 'token-exchange',
    subject: { kind: 'pod', token: new Secret('x') },
    policy: 'deploy-staging',
    audience: 'https://deploy.example.com',
    scopes: ['a', 'b'],
    requestedExpirySeconds: 60,
  }
  const nothing = { policies: [], audience: undefined, scopes: undefined, ttlSeconds: undefined }

  it.each<[string, Partial<CustomRunFacts['params']>, Partial<ExchangeRequest>]>([
    ['says', {}, {}],
    ['says, with one of several policies', { policies: ['other', 'deploy-staging'] }, {}],
    [
      'leaves out',
      nothing,
      { policy: undefined, audience: undefined, scopes: undefined, requestedExpirySeconds: undefined },
    ],
  ])('lets the controller ask for what the CustomRun %s', (_what, said, asked) => {
    const facts = { ...found, params: { ...params, ...said } }

    expect(reasonOf(() => requireAskedByCustomRun({ ...request, ...asked }, facts))).toBeUndefined()
  })

  it.each<[string, Partial<ExchangeRequest>]>([
    ['another policy', { policy: 'deploy-production' }],
    ['no policy', { policy: undefined }],
    ['another audience', { audience: 'https://other.example.com' }],
    ['no audience', { audience: undefined }],
    ['another scope', { scopes: ['a', 'c'] }],
    ['a scope more', { scopes: ['a', 'b', 'c'] }],
    ['a scope less', { scopes: ['a'] }],
    ['the scopes of the policy', { scopes: undefined }],
    ['a longer life', { requestedExpirySeconds: 61 }],
    ['the longest life', { requestedExpirySeconds: undefined }],
  ])('refuses %s', (_what, asked) => {
    const problem = problemOf(() => requireAskedByCustomRun({ ...request, ...asked }, found))

    expect(problem.reason).toBe('custom_run_changed')
  })

  it('refuses a policy where the CustomRun names audience and scope instead', () => {
    const facts = { ...found, params: { ...params, policies: [] } }

    expect(reasonOf(() => requireAskedByCustomRun(request, facts))).toBe('custom_run_changed')
  })
})
