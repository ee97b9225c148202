import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { Secret } from '../../../core/secret.ts'
import { decisionOf, whyNot } from '../../../custom-task/cli/approvals/decision.ts'
import { followApprovals } from '../../../custom-task/cli/approvals/follow.ts'
import { type FakeKube, startKube } from '../../fakes/kube/server.ts'
import { commandLine, type Ran, temporaryDirectory } from './command-line.ts'

const namespace = 'payments'
const ref = { namespace, name: 'deploy-1' }

interface Place {
  readonly kube: FakeKube
  readonly run: (...args: readonly string[]) => Promise<Ran>
}

async function place(who: 'admin' | 'bot' = 'admin'): Promise<Place> {
  const kube = await startKube()
  onTestFinished(() => kube.close())
  kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'bot', namespace } })
  const apiGroup = 'rbac.authorization.k8s.io'
  const rules = [{ apiGroups: ['tokenbroker.dev'], resources: ['tokenapprovals'], verbs: ['get', 'list', 'patch'] }]
  const metadata = { name: 'approver', namespace }
  kube.objects.create({ apiVersion: `${apiGroup}/v1`, kind: 'Role', metadata, rules })
  const subjects = [{ kind: 'ServiceAccount', name: 'bot', namespace }]
  const roleRef = { apiGroup, kind: 'Role', name: 'approver' }
  kube.objects.create({ apiVersion: `${apiGroup}/v1`, kind: 'RoleBinding', metadata, roleRef, subjects })
  const file = join(await temporaryDirectory(), 'kubeconfig')
  await writeFile(file, kube.kubeconfig(who === 'admin' ? 'admin' : { namespace, serviceAccount: who }))
  return { kube, run: (...args) => commandLine([...args, '--kubeconfig', file], { clock: () => new Date() }) }
}

const target = { audience: 'https://deploy.example.com', scopes: ['deploy:staging'], ttlSeconds: 300 }
const request = {
  digest: 'a'.repeat(64),
  run: { kind: 'PipelineRun' as const, name: 'release-7', uid: 'run-uid' },
  initiator: { username: 'carol' },
  policy: { kind: 'TokenPolicy' as const, name: 'deploy', uid: 'policy-uid', generation: 3 },
  provider: 'builtin',
  into: [{ task: 'deploy', serviceAccount: 'deployer' }],
  ...target,
}
const spec = { request, requirements: [{ required: 1 }], expiresAt: '2036-01-01T00:00:00Z', decisions: [] }

function ask({ kube }: Place, state = 'Pending', changes: object = {}, name = ref.name): KubeObject {
  const condition = { type: 'Decided', status: 'Unknown', reason: state, message: 'said so' }
  const conditions = [{ ...condition, lastTransitionTime: '2026-03-01T12:00:00Z' }]
  return kube.objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'TokenApproval',
    metadata: { namespace, name },
    spec: { ...spec, ...changes },
    status: { conditions },
  })
}

function decisions({ kube }: Place) {
  return (kube.objects.get<KubeObject & { spec: typeof spec }>(resources.tokenApprovals, ref)?.spec.decisions ??
    []) as readonly object[]
}

describe('approve and reject', () => {
  it('show what is asked, and write one entry under the own name', async () => {
    const here = await place()
    ask(here)

    const { code, out } = await here.run('approve', 'deploy-1', '-n', namespace, '-m', 'CHG-4711')

    expect(code).toBe(0)
    expect(out).toContain('Run          PipelineRun release-7\nStarted by   carol\n')
    expect(out).toContain('Goes into    deploy (as deployer)\n')
    expect(out).toContain('Approved: the run goes on.')
    expect(decisions(here)).toEqual([{ by: expect.any(String), verdict: 'Approved', comment: 'CHG-4711' }])
  })

  it('say who else has to, and print JSON', async () => {
    const here = await place()
    ask(here, 'Pending', { requirements: [{ required: 2 }] })

    const { code, out } = await here.run('approve', 'deploy-1', '-n', namespace, '-o', 'json')

    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ ...ref, decision: { verdict: 'Approved' }, state: 'open' })
  })

  it('say no', async () => {
    const here = await place()
    ask(here)

    expect((await here.run('reject', 'deploy-1', '-n', namespace)).out).toContain('Rejected: the run gets no token.')
    expect(decisions(here)).toMatchObject([{ verdict: 'Rejected' }])
  })

  it.each<[string, 'admin' | 'bot', string, number, RegExp]>([
    ['a ServiceAccount', 'bot', 'Pending', 3, /Only people decide/],
    ['what was decided', 'admin', 'Approved', 1, /nothing to decide any more \(Approved\): said so/],
  ])('write nothing for %s', async (_, who, state, code, why) => {
    const here = await place(who)
    ask(here, state)

    const ran = await here.run('approve', 'deploy-1', '-n', namespace)

    expect(ran).toMatchObject({ code, notes: expect.stringMatching(why) })
    expect(decisions(here)).toEqual([])
  })

  it('say that there is none of that name', async () => {
    const ran = await (await place()).run('approve', 'other', '-n', namespace)

    expect(ran).toMatchObject({ code: 1, notes: expect.stringContaining('has no TokenApproval other') })
  })

  it.each([[['approve']], [['approve', 'deploy-1']], [['approve', 'a/b', '-n', namespace]], [['approvals']]])(
    'are used as %j: wrongly',
    async (args) => {
      expect((await (await place()).run(...args)).code).toBe(2)
    },
  )
})

describe('approvals', () => {
  it('lists what is open, and with --all what is over', async () => {
    const here = await place()
    ask(here)
    ask(here, 'Approved', {}, 'over')

    const open = await here.run('approvals', '-A')
    const all = await here.run('approvals', '-n', namespace, '--all')

    expect(open.out.split('\n')).toHaveLength(3)
    expect(open.out).toMatch(
      /^NAMESPACE +NAME +RUN .*\npayments +deploy-1 +release-7 +carol .* 1 person +2036-01-01T00:00:00Z\n$/,
    )
    expect(all.out).toContain('Approved')
  })

  it('says that nobody is asked', async () => {
    expect(await (await place()).run('approvals', '-A')).toMatchObject({
      code: 0,
      out: '',
      notes: 'Nobody is asked for anything.\n',
    })
  })
})

describe('followApprovals', () => {
  it('lists again when the server forgot where it was, and shows what differs', async () => {
    const here = await place()
    const { kube } = here
    const credentials = { server: kube.url, token: new Secret(kube.adminToken) }
    const client = createKubeClient({ credentials, delay: () => Promise.resolve() })
    onTestFinished(() => client.close())
    const { signal } = new AbortController()
    ask(here)
    const listed = await client.list(resources.tokenApprovals, { namespace }, signal)
    ask(here, 'Pending', {}, 'deploy-2')
    kube.faults.compact()

    const shown: string[] = []
    await followApprovals(client, { namespace }, listed, signal, ({ metadata: { name } }) => {
      shown.push(name)
      if (name === 'deploy-2') ask(here, 'Pending', {}, 'deploy-3')
      return name !== 'deploy-3'
    })

    expect(shown).toEqual(['deploy-2', 'deploy-3'])
    expect(kube.requests({ verb: 'list', resource: 'tokenapprovals' })).toHaveLength(2)
  })

  it('ends with what else the server says', async () => {
    const here = await place()
    const { kube } = here
    const credentials = { server: kube.url, token: new Secret(kube.adminToken) }
    const client = createKubeClient({ credentials, delay: () => Promise.resolve() })
    onTestFinished(() => client.close())
    const { signal } = new AbortController()
    const listed = await client.list(resources.tokenApprovals, { namespace }, signal)
    kube.faults.next({ verb: 'watch', resource: 'tokenapprovals' }, { kind: 'answer', status: 403 })

    await expect(followApprovals(client, { namespace }, listed, signal, () => true)).rejects.toMatchObject({
      status: 403,
    })
  })
})

describe('decisionOf', () => {
  const asked = {
    ...spec,
    requirements: [
      { groups: ['managers'], required: 1 },
      { groups: ['security'], required: 1 },
    ],
  }
  const said = { verdict: 'Approved' as const, comment: undefined }

  it('names groups only where the person is not in those of every requirement', () => {
    const both = { username: 'bob', groups: ['managers', 'security', 'others'] }
    const one = { username: 'bob', groups: ['managers', 'others'] }

    expect(decisionOf(both, asked, said)).toEqual({ by: 'bob', verdict: 'Approved' })
    expect(decisionOf(one, asked, said)).toEqual({ by: 'bob', verdict: 'Approved', groups: ['managers'] })
  })

  it.each([
    ['who started it', { username: 'carol', groups: ['managers'] }, /You started this run/],
    ['who is in no group', { username: 'bob', groups: ['others'] }, /in managers or security, and you are not/],
    ['a ServiceAccount', { username: 'system:serviceaccount:a:b', groups: ['managers'] }, /Only people/],
  ])('is none of %s', (_, person, why) => {
    expect(whyNot(person, asked)).toMatch(why)
  })

  it('is made once', () => {
    const before = { ...asked, decisions: [{ by: 'bob', verdict: 'Approved' as const }] }

    expect(whyNot({ username: 'bob', groups: ['managers'] }, before)).toMatch(/already/)
    expect(whyNot({ username: 'dave', groups: ['managers'] }, before)).toBeUndefined()
  })
})
