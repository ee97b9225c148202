import { describe, expect, it } from 'vitest'
import { type KubeObject, resources } from '../../../../core/io/kube/api.ts'
import { tokenTypes } from '../../../../core/oauth/vocabulary.ts'
import { encodeAwsCredentials } from '../../../../custom-task/aws-credentials.ts'
import { namespace, pipelineRunObject } from '../../../core/tekton/objects.ts'
import { type FakeAnswer, granted, refused } from '../../../fakes/broker.ts'
import {
  authorizedAnswer,
  conditionOf,
  createWorld,
  isDone,
  pipelineRunRef,
  startController,
  type World,
} from '../scene.ts'
import { params, secretName, tasks } from './secret-scene.ts'

/** The controller's Secrets against the embedded API server. */

const pipelineSpec = { tasks }
const childReferences = [
  ...pipelineRunObject().status.childReferences,
  { apiVersion: 'tekton.dev/v1', kind: 'TaskRun', name: 'release-deploy', pipelineTaskName: 'deploy' },
]

type SecretObject = KubeObject & { readonly type: string; readonly data: Readonly<Record<string, string>> }

const secretsOf = ({ kube }: World) => kube.objects.list<SecretObject>(resources.secrets, namespace)
const text = (value = '') => Buffer.from(value, 'base64').toString()
const result = (object: KubeObject, name: string) =>
  (object.status as { readonly results?: readonly { name: string; value: string }[] }).results?.find(
    (one) => one.name === name,
  )?.value

/** Answers `/authorize` with yes and `/token` as told. */
function answering(world: World, token: (count: number) => FakeAnswer | undefined): void {
  let count = 0
  world.answerWith(({ path }) => {
    if (path === '/authorize') return authorizedAnswer
    if (path === '/revoke') return { status: 200, body: {} }
    count += 1
    return token(count)
  })
}

function startRun(world: World): void {
  world.startRun()
  world.makeChild({ spec: { params } })
  world.kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, { childReferences, pipelineSpec })
}

const endRun = ({ kube }: World) =>
  kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, { completionTime: '2036-01-01T00:00:00Z' })
const asked = ({ broker }: World, path: string) => broker.requests.filter((one) => one.path === path)

describe('deliver: secret', () => {
  it('makes the Secret before the CustomRun is done, owned by the run, and says where it is', async () => {
    await using world = await createWorld()
    answering(world, () => granted('access-token-1', 300))
    await using _ = await startController(world)
    startRun(world)

    const done = await world.customRunWhen(isDone)
    const [secret] = secretsOf(world)

    expect(conditionOf(done)).toBe('True Authorized')
    expect(result(done, 'secret-name')).toBe(secret?.metadata.name)
    expect(result(done, 'token-expires-at')).toBe(text(secret?.data['expires-at']))
    expect(secret).toMatchObject({
      type: 'tokenbroker.dev/token',
      metadata: {
        name: expect.stringMatching(/^tokenbroker-[a-z2-7]{26}$/),
        labels: { 'tokenbroker.dev/deliver': 'secret', 'tokenbroker.dev/custom-run-uid': done.metadata.uid },
        ownerReferences: [{ kind: 'PipelineRun', name: 'release' }],
      },
    })
    expect(text(secret?.data['token'])).toBe('access-token-1')
    expect(text(secret?.data['header'])).toBe('Authorization: Bearer access-token-1')
    const [make, ...more] = world.kube.requests({ verb: 'create', resource: 'secrets' })
    expect([make?.status, more]).toEqual([201, []])
  })

  it('leaves no trace of the token anywhere else', async () => {
    await using world = await createWorld()
    answering(world, () => granted('access-token-1', 300))
    await using _ = await startController(world)
    startRun(world)
    await world.customRunWhen(isDone)
    await expect.poll(() => world.kube.objects.list(resources.events)).toHaveLength(1)

    const seen = [world.customRun(), ...world.kube.objects.list(resources.events), secretsOf(world)[0]?.metadata]

    expect(JSON.stringify(seen)).not.toContain('access-token')
    expect(JSON.stringify(seen)).not.toContain(Buffer.from('access-token-1').toString('base64'))
    expect(world.kube.requests({ resource: 'secrets' }).filter(({ info }) => info.verb !== 'create')).toEqual([])
  })

  it('says why where the broker refuses the token, and makes no Secret', async () => {
    await using world = await createWorld()
    answering(world, () => refused(400, 'access_denied'))
    await using _ = await startController(world)
    startRun(world)

    const done = await world.customRunWhen(isDone)

    expect(conditionOf(done)).toBe('False Denied')
    expect(secretsOf(world)).toEqual([])
  })

  it('deletes it when the run ends, then tells the broker', async () => {
    await using world = await createWorld()
    answering(world, () => granted('access-token-1', 300))
    await using _ = await startController(world)
    startRun(world)
    await world.customRunWhen(isDone)

    endRun(world)
    await world.customRunWhen(({ metadata }) => (metadata.finalizers ?? []).length === 0)

    expect(secretsOf(world)).toEqual([])
    expect(asked(world, '/runs/end')).toHaveLength(1)
  })

  it('renews it in place, at half of the life, while its consumer runs', async () => {
    await using world = await createWorld()
    answering(world, (count) => granted(`access-token-${count}`, count === 1 ? 21 : 300))
    startRun(world)
    {
      await using _ = await startController(world)
      await world.customRunWhen(isDone)
    }
    const [before] = secretsOf(world)
    makeDue(world)

    await using _ = await startController(world)
    await expect.poll(() => text(secretsOf(world)[0]?.data['token'])).toBe('access-token-2')

    const [after, ...others] = secretsOf(world)
    expect([after?.metadata.uid, others]).toEqual([before?.metadata.uid, []])
    expect(text(after?.data['expires-at'])).not.toBe(text(before?.data['expires-at']))
    await expect.poll(() => renewAtOf(world)).not.toBe('2026-01-01T00:00:00Z')
  })

  it('takes no Secret for its own that somebody made under the same name', async () => {
    await using world = await createWorld()
    answering(world, (count) => granted(`access-token-${count}`, 300))
    startRun(world)
    {
      await using _ = await startController(world)
      await world.customRunWhen(isDone)
    }
    const [ours] = secretsOf(world)
    const name = ours?.metadata.name ?? ''
    world.kube.objects.delete(resources.secrets, { namespace, name })
    const planted = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data: {} }
    world.kube.objects.create(planted)
    makeDue(world)

    await using _ = await startController(world)
    await world.brokerAsked('/revoke', 1)
    await expect.poll(() => secretsNoted(world)).toEqual([])
    endRun(world)
    await world.customRunWhen(({ metadata }) => (metadata.finalizers ?? []).length === 0)

    expect(secretsOf(world)).toMatchObject([{ metadata: { name }, data: {} }])
  })

  it('gives up a name that is in use, and the token with it', async () => {
    await using world = await createWorld()
    answering(world, (count) => granted(`access-token-${count}`, 300))
    const metadata = { name: secretName('b'), namespace }
    world.kube.objects.create({ apiVersion: 'v1', kind: 'Secret', metadata, data: {} })
    startRun(world)
    const secrets = [{ name: secretName('b'), policy: 'deploy-staging' }]
    world.kube.objects.patchStatus(
      resources.customRuns,
      { namespace, name: 'release-token' },
      { extraFields: { secrets } },
    )
    // As admission does with what is not ours.
    world.kube.faults.next({ verb: 'delete', resource: 'secrets' }, { kind: 'answer', status: 403 })

    await using _ = await startController(world)
    const done = await world.customRunWhen(isDone)

    expect(conditionOf(done)).toBe('True Authorized')
    expect(result(done, 'secret-name')).not.toBe(secretName('b'))
    expect(secretsOf(world).find((one) => one.metadata.name === secretName('b'))).toMatchObject({ data: {} })
    expect(asked(world, '/revoke').map(({ form }) => form.get('token'))).toEqual(['access-token-1'])
  })

  it('sweeps what a process left that died between Secret and status', async () => {
    await using world = await createWorld()
    answering(world, (count) => granted(`access-token-${count}`, 300))
    const metadata = { name: secretName('c'), namespace }
    world.kube.objects.create({ apiVersion: 'v1', kind: 'Secret', type: 'tokenbroker.dev/token', metadata, data: {} })
    startRun(world)
    const secrets = [{ name: secretName('c'), policy: 'deploy-staging' }]
    world.kube.objects.patchStatus(
      resources.customRuns,
      { namespace, name: 'release-token' },
      { extraFields: { secrets } },
    )

    await using _ = await startController(world)
    const done = await world.customRunWhen(isDone)

    expect(secretsOf(world).map((one) => one.metadata.name)).toEqual([result(done, 'secret-name')])
  })

  it('sweeps after a run that ended while nobody was there', async () => {
    await using world = await createWorld()
    answering(world, () => granted('access-token-1', 300))
    startRun(world)
    {
      await using _ = await startController(world)
      await world.customRunWhen(isDone)
    }
    endRun(world)
    expect(secretsOf(world)).toHaveLength(1)

    await using _ = await startController(world)
    await world.customRunWhen(({ metadata }) => (metadata.finalizers ?? []).length === 0)

    expect(secretsOf(world)).toEqual([])
  })

  it('fails with the mend where it may make no Secret, and gives the token back', async () => {
    await using world = await createWorld()
    answering(world, () => granted('access-token-1', 300))
    world.kube.faults.next({ verb: 'create', resource: 'secrets' }, { kind: 'answer', status: 403 })
    await using _ = await startController(world)
    startRun(world)

    const done = await world.customRunWhen(isDone)

    expect(conditionOf(done)).toBe('False Denied')
    expect(JSON.stringify(done.status)).toContain('ask the platform team, or use deliver: sidecar')
    expect(asked(world, '/revoke')).toHaveLength(1)
  })

  it('makes none of credentials that no header can hold', async () => {
    await using world = await createWorld()
    const { awsCredentials: issued_token_type } = tokenTypes
    const token = encodeAwsCredentials({ AccessKeyId: 'ASIA0123456789ABCDEF', SecretAccessKey: 'x', Token: 'y' })
    answering(world, () => granted(token, 300, { issued_token_type, token_type: 'N_A' }))
    await using _ = await startController(world)
    startRun(world)

    const done = await world.customRunWhen(isDone)

    expect(conditionOf(done)).toBe('False Denied')
    expect(JSON.stringify(done.status)).toContain('with as: aws')
    expect(secretsOf(world)).toEqual([])
  })

  it('gives every token back where one Secret of several cannot be made', async () => {
    await using world = await createWorld()
    answering(world, (count) => granted(`access-token-${count}`, 300))
    world.kube.faults.next({ verb: 'create', resource: 'secrets' }, { kind: 'answer', status: 500 })
    await using _ = await startController(world)
    startRun(world)

    await world.customRunWhen(isDone)

    expect(asked(world, '/revoke').map(({ form }) => form.get('token'))).toEqual(['access-token-1'])
    expect(secretsOf(world).map(({ data }) => text(data['token']))).toEqual(['access-token-2'])
  })
})

interface Noted {
  readonly extraFields?: { readonly secrets?: readonly { readonly renewAt?: string }[] }
}

const secretsNoted = (world: World) => (world.customRun().status as Noted | undefined)?.extraFields?.secrets ?? []
const renewAtOf = (world: World) => secretsNoted(world)[0]?.renewAt

/** The renewal is due since long. */
function makeDue(world: World): void {
  const secrets = secretsNoted(world).map((one) => ({ ...one, renewAt: '2026-01-01T00:00:00Z' }))
  const ref = { namespace, name: 'release-token' }
  const { extraFields } = world.customRun().status as Noted
  world.kube.objects.patchStatus(resources.customRuns, ref, { extraFields: { ...extraFields, secrets } })
  world.kube.objects.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name: 'release-deploy', namespace },
    spec: { taskRef: { kind: 'Task', name: 'rollout' }, serviceAccountName: 'default' },
    status: { conditions: [{ type: 'Succeeded', status: 'Unknown', reason: 'Running' }] },
  })
}
