import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apply, facts, kube } from './harness/cluster.ts'
import { type CallOptions, KubeError, type KubeObject } from './harness/kube.ts'
import { explainOnFailure, outcomeOf, waitForRun } from './harness/pods.ts'
import { waitFor } from './harness/wait.ts'
import { verifyNamespace } from './product/admission.ts'
import { journalRecords } from './product/audit.ts'
import { crash } from './product/crash.ts'
import { installProduct, type Product } from './product/install.ts'
import { target } from './product/names.ts'
import { childOf, createTeam } from './product/payments.ts'
import { decide, letDecide, type Person, patch, questionAbout } from './product/people.ts'

const managers = 'release-managers'
const alice: Person = { name: 'alice', groups: [managers, 'approvers'] }
const bob: Person = { name: 'bob', groups: [managers, 'approvers'] }
const outsider: Person = { name: 'oscar', groups: ['approvers'] }

let product: Product
let namespace: string

beforeAll(async () => {
  product = await installProduct()
  namespace = (await createTeam({ apiUrl: 'http://unused.invalid' })).namespace
  await letDecide(namespace, ['approvers'])
  await apply([policy('asked', '30m'), policy('impatient', '2s')])
}, 240_000)

afterAll(async () => {
  await (await kube()).close()
})

function policy(name: string, expiresAfter: string, approval: object = {}): KubeObject {
  return {
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'TokenPolicy',
    metadata: { name, namespace },
    spec: {
      audience: target,
      scopes: ['deploy:staging'],
      approval: { groups: [managers], expiresAfter, ...approval },
    },
  }
}

/** A gate that asks people, and a task behind it. */
async function start(name = 'asked', options: CallOptions = {}): Promise<KubeObject> {
  const steps = [
    { name: 'work', image: facts().images.busybox, script: '#!/bin/sh\ntest -s $TOKENBROKER_TOKEN_FILE\n' },
  ]
  const token = { name: 'token', taskRef: { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name } }
  const run = {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { generateName: 'release-', namespace },
    spec: {
      pipelineSpec: { tasks: [token, { name: 'deploy', runAfter: ['token'], taskSpec: { steps } }] },
      taskRunTemplate: { serviceAccountName: 'deployer' },
    },
  }
  return await (await kube()).create(run, options)
}

async function gateOf(run: KubeObject, reason: string): Promise<KubeObject> {
  return await waitFor(`the gate of ${run.metadata.name} says ${reason}`, async (report) => {
    const gate = await childOf(run, 'customruns', 'token').catch(() => undefined)
    report(gate?.status?.conditions)
    return gate && outcomeOf(gate)?.reason === reason && gate
  })
}

async function stateOf({ metadata: { name } }: KubeObject): Promise<string | undefined> {
  const path = `/apis/tokenbroker.dev/v1alpha1/namespaces/${namespace}/tokenapprovals/${name}`
  const { status } = await (await kube()).get(path)
  return status?.conditions?.[0]?.reason
}

describe('a run that people have to approve', () => {
  test('waits without a pod, goes on when they said yes, and its pod is not asked about again', async () => {
    explainOnFailure(namespace)
    const run = await start()
    const approval = await questionAbout(run)
    const gate = await gateOf(run, 'AwaitingApproval')
    expect(outcomeOf(gate)?.message).toContain(`tokenbroker approve ${approval.metadata.name} -n ${namespace}`)
    expect(approval.spec.requirements).toEqual([{ groups: [managers], required: 2 }])

    expect(await decide(approval, alice)).toMatchObject({ code: 0 })
    expect(await decide(approval, bob)).toMatchObject({ code: 0 })
    const since = Date.now()
    await gateOf(run, 'Authorized')
    process.stdout.write(`the gate goes on ${Date.now() - since} ms after the decision\n`)

    expect(outcomeOf(await waitForRun(run))?.status).toBe('True')
    const records = (await journalRecords()).filter(({ subject }) => subject === `${namespace}/${run.metadata.name}`)
    const types = records.map(({ type }) => type.split('.').slice(2, 4).join('.'))
    expect(types.filter((type) => type.startsWith('approval'))).toEqual(['approval.requested', 'approval.decided'])
    expect(types).toContain('exchange.granted')
    const decided = records.find(({ type }) => type.includes('approval.decided'))
    expect(decided?.data.approval?.decisions).toMatchObject([{ by: 'alice' }, { by: 'bob' }])
  })

  test('fails when one person says no', async () => {
    const run = await start()
    const approval = await questionAbout(run)

    expect(await decide(approval, alice, { verdict: 'Rejected' })).toMatchObject({ code: 0 })

    await gateOf(run, 'ApprovalRejected')
    expect(await stateOf(approval)).toBe('Rejected')
  })

  test('fails when nobody says anything in time', async () => {
    const run = await start('impatient')

    await gateOf(run, 'ApprovalExpired')
    expect(await stateOf(await questionAbout(run))).toBe('Expired')
  })

  test('closes the question when it is cancelled', async () => {
    const run = await start()
    const approval = await questionAbout(run)

    const client = await kube()
    await client.patch(await client.pathOf(run), { spec: { status: 'Cancelled' } })

    await waitFor('the question is closed', async () => (await stateOf(approval)) === 'Closed')
  })

  test('goes on where it was when broker and controller die in between', async () => {
    explainOnFailure(namespace)
    const run = await start()
    const approval = await questionAbout(run)
    expect(await decide(approval, alice)).toMatchObject({ code: 0 })

    const back = [
      await crash(await product.brokerPod(), '/app/broker.mjs'),
      await crash(await product.controllerPod(), '/app/controller.mjs'),
    ]
    expect(await decide(approval, bob)).toMatchObject({ code: 0 })
    for (const one of back) await one()

    await gateOf(run, 'Authorized')
  })

  test('is asked about by itself: a yes is worth nothing for another run', async () => {
    const first = await start()
    const approval = await questionAbout(first)
    await decide(approval, alice)
    await decide(approval, bob)
    await gateOf(first, 'Authorized')

    const second = await start()
    const other = await questionAbout(second)

    expect(other.metadata.name).not.toBe(approval.metadata.name)
    expect(outcomeOf(await gateOf(second, 'AwaitingApproval'))?.status).toBe('Unknown')
  })
})

describe('the API server refuses', () => {
  let approval: KubeObject

  beforeAll(async () => {
    approval = await questionAbout(await start())
  })

  test.each<[string, () => Promise<{ code: number; stderr: string }>, RegExp]>([
    ['a decision under a foreign name', () => decide(approval, alice, { by: 'bob' }), /your own user name, alice/],
    ['a person of no group that is asked', () => decide(approval, outsider), /not in the groups/],
    ['groups that the person is not in', () => decide(approval, outsider, { groups: [managers] }), /not in the groups/],
    [
      'whoever has patch, and not approve',
      () => decide(approval, { name: 'eve', groups: [managers, 'patchers'] }),
      /verb approve/,
    ],
    ['a ServiceAccount', () => decide(approval, serviceAccount()), /only people decide/],
    [
      'a question that is changed',
      () => patch(approval, alice, [{ op: 'replace', path: '/spec/request/scopes', value: ['deploy:production'] }]),
      /does not change/,
    ],
    [
      'a question that takes longer',
      () => patch(approval, alice, [{ op: 'replace', path: '/spec/expiresAt', value: '2099-01-01T00:00:00Z' }]),
      /does not change/,
    ],
    [
      'fewer requirements',
      () => patch(approval, alice, [{ op: 'replace', path: '/spec/requirements', value: [{ required: 1 }] }]),
      /does not change/,
    ],
    [
      'two entries at once',
      () =>
        patch(
          approval,
          alice,
          ['alice', 'bob'].map((by) => ({ op: 'add', path: '/spec/decisions/-', value: { by, verdict: 'Approved' } })),
        ),
      /add one entry/,
    ],
    [
      'another owner',
      () => patch(approval, alice, [{ op: 'replace', path: '/metadata/ownerReferences', value: [] }]),
      /owners/,
    ],
    ['a label', () => patch(approval, alice, [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }]), /labels/],
  ])('%s', async (_, attempt, why) => {
    const { code, stderr } = await attempt()

    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(why) })
  })

  test('a question that nobody asked, and a status that the broker did not write', async () => {
    const client = await kube()
    const { kind, apiVersion, spec } = approval
    const planted = { apiVersion, kind, metadata: { name: 'planted', namespace }, spec }
    const status = {
      conditions: [
        {
          type: 'Decided',
          status: 'True',
          reason: 'Approved',
          message: '',
          lastTransitionTime: '2026-03-01T12:00:00Z',
        },
      ],
    }

    await expect(client.create(planted)).rejects.toThrow(KubeError)
    await expect(client.patch(`${await client.pathOf(approval)}/status`, { status })).rejects.toThrow(/only the broker/)
  })
})

describe('a run of which it is proved that a person started it', () => {
  test('takes one yes, of anybody of the group but that person', async (context) => {
    explainOnFailure(namespace, context)
    const apiGroup = 'rbac.authorization.k8s.io'
    await apply([
      {
        apiVersion: `${apiGroup}/v1`,
        kind: 'RoleBinding',
        metadata: { name: 'editors', namespace },
        roleRef: { apiGroup, kind: 'ClusterRole', name: 'edit' },
        subjects: [{ apiGroup, kind: 'User', name: alice.name }],
      },
      policy('proved', '30m', { required: 1 }),
    ])
    await verifyNamespace(namespace)
    const run = await start('proved', { as: { username: alice.name, groups: alice.groups } })
    const question = await questionAbout(run)
    expect(question.spec.request.initiator).toEqual({ username: alice.name })
    expect(question.spec.requirements).toEqual([{ groups: [managers], required: 1 }])

    const own = await decide(question, alice)
    expect(own).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/nobody decides about a run that they started/),
    })
    expect(await decide(question, bob)).toMatchObject({ code: 0 })

    await gateOf(run, 'Authorized')
  })
})

function serviceAccount(): Person {
  return {
    name: `system:serviceaccount:${namespace}:deployer`,
    groups: ['system:serviceaccounts', managers, 'approvers'],
  }
}
