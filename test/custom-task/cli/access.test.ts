import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { resources } from '../../../core/io/kube/api.ts'
import { rules } from '../../../core/policy/rules.ts'
import { startKube } from '../../fakes/kube/server.ts'
import { commandLine, temporaryDirectory } from './command-line.ts'

const namespace = 'payments'
const audience = 'https://deploy.example.com'
const wanted = ['--audience', audience, '--scope', 'deploy:staging']
const rbac = 'rbac.authorization.k8s.io'

/** A cluster with a provider, and a person who may do what these rules say, in all namespaces. */
async function place(rules: readonly object[] = [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }]) {
  const kube = await startKube()
  onTestFinished(() => kube.close())
  const metadata = { name: 'person' }
  kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'alice', namespace } })
  kube.objects.create({ apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata, rules })
  kube.objects.create({
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'person' },
    subjects: [{ kind: 'ServiceAccount', name: 'alice', namespace }],
  })
  kube.objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'ClusterTokenProvider',
    metadata: { name: 'builtin' },
    spec: { builtin: {}, audiences: [audience], scopes: ['deploy:staging'] },
  })
  const file = join(await temporaryDirectory(), 'kubeconfig')
  await writeFile(file, kube.kubeconfig({ namespace, serviceAccount: 'alice' }))
  const cli = (...args: readonly string[]) => commandLine([...args, '--kubeconfig', file])
  return { kube, cli }
}

const init = ['init', '-n', namespace, '--serviceaccount', 'deployer', ...wanted]

describe('init', () => {
  it('prints policy, Role, RoleBinding and a run that uses the token', async () => {
    const { code, out } = await commandLine(init)

    const objects = parseAllDocuments(out).map((one) => one.toJS())
    expect(objects.map(({ kind }) => kind)).toEqual(['TokenPolicy', 'Role', 'RoleBinding', 'PipelineRun'])
    expect(objects[0].spec).toEqual({ audience, scopes: ['deploy:staging'] })
    expect(code).toBe(0)
  })

  it('applies the first three, which then say that the account may', async () => {
    const { kube, cli } = await place()

    const made = await cli(...init, '--apply')

    expect(made).toMatchObject({
      code: 0,
      notes: expect.stringMatching(/RoleBinding payments\/deploy-staging-[0-9a-f]{8} applied/),
    })
    expect(parse(made.out).kind).toBe('PipelineRun')
    expect(kube.objects.get(resources.tokenPolicies, { namespace, name: 'deploy-staging' })).toBeDefined()
    const asked = await cli('explain', '--serviceaccount', 'deployer', '-n', namespace, '--policy', 'deploy-staging')
    expect(asked.out).toContain('Decision: allow')
    expect(asked.code).toBe(0)
    const listed = JSON.parse((await cli('who-can', ...wanted, '-A', '-o', 'json')).out)
    expect(listed.holders).toContainEqual(
      expect.objectContaining({ kind: 'ServiceAccount', name: 'payments/deployer', policy: 'deploy-staging' }),
    )
  })

  it('is followed by a who-can that leaves out whoever is no ServiceAccount of the namespace', async () => {
    const { kube, cli } = await place()
    await cli(...init, '--apply')
    const names = ['system:masters', 'system:serviceaccounts:payments', 'system:serviceaccounts:other']
    kube.objects.create({
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'groups' },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'person' },
      subjects: names.map((name) => ({ apiGroup: rbac, kind: 'Group', name })),
    })

    const { out } = await cli('who-can', ...wanted, '-n', namespace)

    expect(out).toContain('system:serviceaccounts:payments')
    expect(out).not.toMatch(/system:masters|other/)
  })

  it.each([
    [404, /no namespace payments, or the product is not installed/],
    [409, /TokenPolicy payments\/deploy-staging is there already.*--policy-name/],
    [422, /does not take the TokenPolicy/],
  ])('says what to do where the API server answers %d', async (status, mend) => {
    const { kube, cli } = await place()
    kube.faults.next({ verb: 'patch', resource: 'tokenpolicies' }, { kind: 'answer', status })

    expect(await cli(...init, '--apply')).toMatchObject({ code: 1, notes: expect.stringMatching(mend) })
  })

  it('takes nothing from one account when another is let in', async () => {
    const { cli } = await place()
    await cli(...init, '--apply')
    await cli('init', '-n', namespace, '--serviceaccount', 'other', ...wanted, '--apply')

    const { out } = await cli('who-can', ...wanted, '-n', namespace)

    expect(out).toContain('payments/deployer')
    expect(out).toContain('payments/other')
  })

  it.each([
    [['init', '-n', 'a'], /--serviceaccount is missing/],
    [['init', '-n', 'a', '--serviceaccount', 'b', '--audience', 'c', '--scope', 'x x'], /different scopes/],
    [['init', '-n', 'a', '--serviceaccount', 'b', '--audience', 'c'], /Name the scopes/],
    [['init', '-n', 'a', '--serviceaccount', 'b', '--audience', 'c', '--scope', 'x:*'], /without \*/],
  ])('refuses %j', async (args, mend) => {
    expect(await commandLine(args)).toMatchObject({ code: 2, notes: expect.stringMatching(mend) })
  })
})

describe('explain', () => {
  it('says which rule refuses, and has the missing Role ready to apply', async () => {
    const { cli } = await place()
    await cli(...init, '--apply')

    const { code, out } = await cli('explain', '--serviceaccount', `${namespace}/other`, '--policy', 'deploy-staging')

    expect(out).toMatch(/DENY {3}rbac/)
    expect(out).toContain('resourceNames":["builtin:deploy:staging"]')
    expect(code).toBe(3)
  })

  it('has no Role for a scope that the policy does not give', async () => {
    const { cli } = await place()
    await cli(...init, '--apply')
    const asked = [
      '--serviceaccount',
      `${namespace}/other`,
      '--policy',
      'deploy-staging',
      '--scope',
      'deploy:everything',
    ]

    const { code, out } = await cli('explain', ...asked)

    expect(out).toMatch(/DENY {3}scopes[\s\S]*DENY {3}rbac/)
    expect(out).not.toContain('kind: "Role"')
    expect(code).toBe(3)
  })

  it('says what refuses first, and what allows only where that is asked for', async () => {
    const { cli } = await place()
    await cli(...init, '--apply')
    const asked = ['explain', '--serviceaccount', `${namespace}/other`, '--policy', 'deploy-staging']

    const short = (await cli(...asked)).out.split('\n')
    const wide = (await cli(...asked, '-o', 'wide')).out.split('\n')

    const words = (lines: readonly string[]) => lines.flatMap((line) => /^ {2}(DENY|allow) /.exec(line)?.[1] ?? [])
    expect(words(short)).toEqual(['DENY', 'allow'])
    expect(short).toContain(`  allow  ${rules.length - 1} rules: -o wide names them`)
    expect(words(wide)).toEqual(['DENY', ...Array(rules.length - 1).fill('allow')])
    expect(JSON.parse((await cli(...asked, '-o', 'json')).out).candidates[0].rules).toHaveLength(rules.length)
  })

  it('names the policy that is not there', async () => {
    const { cli } = await place()

    const { code, out } = await cli('explain', '--serviceaccount', 'deployer', '-n', namespace, '--policy', 'deploi')

    expect(out).toContain('No policy of payments is named deploi')
    expect(code).toBe(3)
  })

  it('says that a person suspended the account, and who-can that the provider is suspended', async () => {
    const { kube, cli } = await place()
    await cli(...init, '--apply')
    const annotations = { 'tokenbroker.dev/suspended-by': 'alice' }
    const labels = { 'tokenbroker.dev/revoked': 'true' }
    const metadata = { name: 'deployer', namespace, annotations, labels }
    kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata })

    const asked = await cli('explain', '--serviceaccount', 'deployer', '-n', namespace, '--policy', 'deploy-staging')
    expect(asked).toMatchObject({ code: 3, out: expect.stringMatching(/DENY {3}access-revoked/) })

    kube.objects.patch(resources.clusterTokenProviders, { name: 'builtin' }, { spec: { suspend: true } })
    expect((await cli('who-can', ...wanted, '-n', namespace)).out).toMatch(/deployer .* suspended /)
  })

  it('says what the person may not see, and which right is missing', async () => {
    const { cli } = await place([])

    const asked = await cli('explain', '--serviceaccount', 'deployer', '-n', namespace, '--policy', 'p')
    expect(asked).toMatchObject({ code: 3, notes: expect.stringContaining('You may not list tokenpolicies') })
    const listed = await cli('who-can', ...wanted, '-n', namespace)
    expect(listed).toMatchObject({ code: 0, notes: expect.stringContaining('rolebindings') })
  })

  it.each([
    [['explain', '--policy', 'p'], /--serviceaccount, or --url/],
    [['explain', '--serviceaccount', 'a', '-n', 'b'], /Name the policy/],
    [['explain', '--policy', 'p', '--serviceaccount', 'a'], /NAMESPACE\/NAME, or -n/],
    [['explain', '--policy', 'p', '--serviceaccount', 'b/a', '-n', 'c'], /NAME with -n/],
  ])('refuses %j', async (args, mend) => {
    expect(await commandLine(args)).toMatchObject({ code: 2, notes: expect.stringMatching(mend) })
  })
})
