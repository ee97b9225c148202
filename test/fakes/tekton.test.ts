import { describe, expect, it } from 'vitest'
import { resources } from '../../core/io/kube/api.ts'
import { startKube } from './kube/server.ts'
import { outcomeOf, type PipelineSpec } from './tekton/shapes.ts'
import { startTekton } from './tekton.ts'

const exchange = { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: 'deploy-staging' }
const steps = [{ name: 'rollout', image: 'curlimages/curl' }]

const pipeline: PipelineSpec = {
  params: [{ name: 'scope', default: 'deploy:staging' }],
  tasks: [
    { name: 'deploy', taskSpec: { steps }, params: [{ name: 'id', value: '$(tasks.token.results.authorization-id)' }] },
    {
      name: 'token',
      taskRef: exchange,
      params: [{ name: 'scope', value: '$(params.scope)' }],
      timeout: '10m',
      retries: 1,
    },
    { name: 'notify', taskSpec: { steps }, runAfter: ['deploy'] },
  ],
  finally: [{ name: 'report', taskSpec: { steps }, params: [{ name: 'status', value: '$(tasks.status)' }] }],
}

async function stage() {
  const kube = await startKube()
  const tekton = startTekton(kube)
  return {
    kube,
    tekton,
    async [Symbol.asyncDispose]() {
      tekton.stop()
      await kube.close()
    },
  }
}

function answer(
  kube: Awaited<ReturnType<typeof startKube>>,
  name: string,
  status: 'True' | 'False',
  results: object[] = [],
) {
  const conditions = [{ type: 'Succeeded', status, reason: status === 'True' ? 'Authorized' : 'Denied' }]
  kube.objects.patchStatus(resources.customRuns, { namespace: 'payments', name }, { conditions, results })
}

describe('startTekton', () => {
  it('makes the CustomRun as Tekton does and fills in params', async () => {
    await using world = await stage()
    const run = world.tekton.createPipelineRun(pipeline, {
      namespace: 'payments',
      name: 'release-1',
      serviceAccount: 'builder',
      taskRunSpecs: [{ pipelineTaskName: 'token', serviceAccountName: 'deployer' }],
      labels: { team: 'red' },
    })

    const customRun = await run.customRun('token')

    expect(customRun).toMatchObject({
      apiVersion: 'tekton.dev/v1beta1',
      kind: 'CustomRun',
      metadata: {
        name: 'release-1-token',
        namespace: 'payments',
        labels: {
          team: 'red',
          'tekton.dev/pipelineRun': 'release-1',
          'tekton.dev/pipelineRunUID': run.uid,
          'tekton.dev/pipelineTask': 'token',
          'tekton.dev/memberOf': 'tasks',
        },
        ownerReferences: [{ apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', uid: run.uid, controller: true }],
      },
      spec: {
        customRef: exchange,
        params: [{ name: 'scope', value: 'deploy:staging' }],
        serviceAccountName: 'deployer',
        timeout: '10m',
        retries: 1,
      },
    })
    expect(run.pipelineRun().status).toMatchObject({
      childReferences: [{ kind: 'CustomRun', name: 'release-1-token', pipelineTaskName: 'token' }],
    })
  })

  it('starts the tasks behind the CustomRun in order, each with a pod that links back to the run', async () => {
    await using world = await stage()
    const run = world.tekton.createPipelineRun(pipeline, { namespace: 'payments', serviceAccount: 'builder' })
    const customRun = await run.customRun('token')
    expect(world.kube.objects.list(resources.taskRuns, 'payments')).toHaveLength(0)

    answer(world.kube, customRun.metadata.name, 'True', [{ name: 'authorization-id', value: 'auth-1' }])
    const deploy = await run.task('deploy')

    expect(deploy.taskRun).toMatchObject({
      metadata: { ownerReferences: [{ uid: run.uid }] },
      spec: { params: [{ name: 'id', value: 'auth-1' }], serviceAccountName: 'builder' },
      status: { podName: deploy.pod.metadata.name },
    })
    expect(deploy.pod).toMatchObject({
      metadata: { ownerReferences: [{ kind: 'TaskRun', uid: deploy.taskRun.metadata.uid, controller: true }] },
      spec: { serviceAccountName: 'builder', nodeName: 'node1', containers: [{ name: 'step-rollout' }] },
      status: { phase: 'Running' },
    })
    expect(world.kube.objects.list(resources.taskRuns, 'payments')).toHaveLength(1)

    run.finishTask('deploy')
    await run.task('notify')
    run.finishTask('notify')
    const report = await run.task('report')
    run.finishTask('report')

    expect(report.taskRun.spec).toMatchObject({ params: [{ name: 'status', value: 'Succeeded' }] })
    expect(outcomeOf(await run.done())).toMatchObject({ status: 'True', reason: 'Succeeded' })
  })

  it('gives the pod a token of its own that the API server reviews as that pod', async () => {
    await using world = await stage()
    const run = world.tekton.createPipelineRun(
      { tasks: [{ name: 'deploy', taskSpec: { steps } }] },
      { namespace: 'payments' },
    )
    const { pod, projectedToken } = await run.task('deploy')

    const [, payload = ''] = projectedToken('https://broker').split('.')
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())

    expect(claims).toMatchObject({
      aud: ['https://broker'],
      'kubernetes.io': { namespace: 'payments', pod: { name: pod.metadata.name, uid: pod.metadata.uid } },
    })
  })

  it('fails the run when a custom task fails, after the finally tasks', async () => {
    await using world = await stage()
    const run = world.tekton.createPipelineRun(pipeline, { namespace: 'payments' })
    answer(world.kube, (await run.customRun('token')).metadata.name, 'False')

    const report = await run.task('report')
    run.finishTask('report')

    expect(report.taskRun.spec).toMatchObject({ params: [{ name: 'status', value: 'Failed' }] })
    expect(outcomeOf(await run.done())).toMatchObject({ status: 'False', reason: 'Failed' })
    await expect(run.task('deploy')).rejects.toThrow('the run ended without a pod for deploy')
  })

  it.each([
    ['cancel', 'cancelled', 'Cancelled'],
    ['timeout', 'timed out', 'PipelineRunTimeout'],
  ] as const)('on %s tells the children and is done without waiting for them', async (how, word, reason) => {
    await using world = await stage()
    const run = world.tekton.createPipelineRun(
      {
        tasks: [
          { name: 'token', taskRef: exchange },
          { name: 'build', taskSpec: { steps } },
        ],
      },
      { namespace: 'payments' },
    )
    const [customRun, build] = await Promise.all([run.customRun('token'), run.task('build')])

    run[how]()
    const last = await run.done()
    await new Promise(setImmediate)

    expect(outcomeOf(last)).toMatchObject({ status: 'False', reason })
    const { name } = customRun.metadata
    const after = world.kube.objects.get(resources.customRuns, { namespace: 'payments', name })
    const statusMessage = `CustomRun cancelled as the PipelineRun it belongs to has ${word === 'cancelled' ? 'been cancelled' : word}.`
    expect(after).toMatchObject({ metadata: { generation: 2 }, spec: { status: 'RunCancelled', statusMessage } })
    expect(after?.status).toBeUndefined()
    const pod = { namespace: 'payments', name: build.pod.metadata.name }
    expect(world.kube.objects.get(resources.pods, pod)).toBeUndefined()
  })

  it('fails the run on a result that a successful task does not have', async () => {
    await using world = await stage()
    const run = world.tekton.createPipelineRun(pipeline, { namespace: 'payments' })
    answer(world.kube, (await run.customRun('token')).metadata.name, 'True')

    expect(outcomeOf(await run.done())).toMatchObject({ status: 'False', reason: 'InvalidTaskResultReference' })
  })

  it('adopts a planted child by label and first owner, as Tekton does', async () => {
    await using world = await stage()
    const first = world.tekton.createPipelineRun(
      {
        tasks: [
          { name: 'first', taskSpec: { steps } },
          { name: 'token', taskRef: exchange, runAfter: ['first'] },
        ],
      },
      { namespace: 'payments', name: 'run-1' },
    )
    await first.task('first')
    world.kube.objects.create({
      apiVersion: 'tekton.dev/v1beta1',
      kind: 'CustomRun',
      metadata: {
        name: 'planted',
        namespace: 'payments',
        labels: { 'tekton.dev/pipelineRunUID': first.uid, 'tekton.dev/pipelineTask': 'token' },
        ownerReferences: [{ apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', name: 'run-1', uid: first.uid }],
      },
      spec: { customRef: exchange },
    })

    first.finishTask('first')
    answer(world.kube, 'planted', 'True')
    await first.done()

    expect(world.kube.objects.list(resources.customRuns, 'payments')).toHaveLength(1)
    expect(first.pipelineRun().status).toMatchObject({
      childReferences: expect.arrayContaining([expect.objectContaining({ kind: 'CustomRun', name: 'planted' })]),
    })
  })

  it('plays runs and TaskRuns that others create', async () => {
    await using world = await stage()
    const { objects } = world.kube
    objects.create({
      apiVersion: 'tekton.dev/v1',
      kind: 'Task',
      metadata: { name: 'rollout', namespace: 'payments', annotations: { 'tokenbroker.dev/inject': 'deploy-staging' } },
      spec: { steps },
    })
    objects.create({
      apiVersion: 'tekton.dev/v1',
      kind: 'TaskRun',
      metadata: { name: 'alone', namespace: 'payments' },
      spec: { taskRef: { name: 'rollout' } },
    })
    await new Promise(setImmediate)
    await new Promise(setImmediate)

    expect(objects.get(resources.pods, { namespace: 'payments', name: 'alone-pod' })).toMatchObject({
      metadata: {
        annotations: { 'tokenbroker.dev/inject': 'deploy-staging' },
        ownerReferences: [{ kind: 'TaskRun', name: 'alone' }],
      },
    })
  })
})
