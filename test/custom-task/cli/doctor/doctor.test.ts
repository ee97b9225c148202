import { describe, expect, it } from 'vitest'
import { type Resource, resources } from '../../../../core/io/kube/api.ts'
import { issueAuthority } from '../../../../custom-task/certificates/certificate.ts'
import { checks } from '../../../../custom-task/cli/doctor/checks.ts'
import { looked } from '../../../../custom-task/cli/doctor/resources.ts'
import { commandLine, temporaryDirectory } from '../command-line.ts'
import { type Installed, install, issuer, microTime, ready, system } from './installed.ts'

const ours = (name: string) => ({ namespace: system, name })
const webhookName = { name: 'tokenbroker-webhook' }

/** Takes the one webhook configuration and gives it back changed. */
function changeWebhooks({ kube }: Installed, change: (webhook: WebhookEntry, at: number) => object): void {
  const resource = resources.mutatingWebhookConfigurations
  const found = kube.objects.get(resource, webhookName) as unknown as { readonly webhooks: readonly WebhookEntry[] }
  kube.objects.patch(resource, webhookName, { webhooks: found.webhooks.map(change) })
}

interface WebhookEntry extends Record<string, unknown> {
  readonly clientConfig: object
}

function withBundle(site: Installed, caBundle: string): void {
  changeWebhooks(site, (webhook) => ({ ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } }))
}

function configure({ kube }: Installed, component: string, settings: object): void {
  const data = { [`${component}.yaml`]: JSON.stringify(settings) }
  kube.objects.patch(resources.configMaps, ours(`tokenbroker-${component}`), { data })
}

const past = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2021-01-01T00:00:00Z') }
const foreign = { notBefore: new Date(Date.now() - 1000), notAfter: new Date(Date.now() + 86_400_000) }
const base64 = (text: string) => Buffer.from(text).toString('base64')
const authority = (life: typeof past) => base64(issueAuthority('another', life).certificate.toString())
const remove = (site: Installed, resource: Resource, ref: { namespace?: string; name: string }) =>
  site.kube.objects.delete(resource, ref)
const scale = (site: Installed, readyReplicas: number) =>
  site.kube.objects.patchStatus(looked.statefulSets, ours('tokenbroker'), { readyReplicas })

type Break = (site: Installed) => unknown
type Row = readonly [what: string, breaks: Break, check: string, status: 'warn' | 'fail', found: RegExp]

const crd = 'tokenpolicies.tokenbroker.dev'

const events = { name: 'tokenbroker-events' }

/** One thing wrong at a time: which line says so. */
const table: readonly Row[] = [
  [
    'the ClusterInterceptor is deleted',
    (s) => remove(s, resources.clusterInterceptors, events),
    'event interceptor',
    'fail',
    /no ClusterInterceptor tokenbroker-events/,
  ],
  [
    'the ClusterInterceptor has its label and no authorities',
    (s) => s.kube.objects.patch(resources.clusterInterceptors, events, { spec: { clientConfig: { caBundle: null } } }),
    'event interceptor',
    'fail',
    /no EventListener starts/,
  ],
  [
    'the authorities of the ClusterInterceptor have ended',
    (s) =>
      s.kube.objects.patch(resources.clusterInterceptors, events, {
        spec: { clientConfig: { caBundle: authority(past) } },
      }),
    'event interceptor',
    'fail',
    /no valid caBundle/,
  ],
  [
    'the ClusterInterceptor has no label',
    (s) =>
      s.kube.objects.patch(resources.clusterInterceptors, events, { metadata: { labels: { 'server/type': null } } }),
    'event interceptor',
    'fail',
    /no event arrives/,
  ],
  [
    'the policy of suspended accounts is deleted',
    (s) => remove(s, looked.admissionPolicies, { name: 'tokenbroker-suspended-accounts' }),
    'admission policies',
    'fail',
    /suspended-accounts is missing/,
  ],
  [
    'a CRD is deleted',
    (s) => remove(s, looked.definitions, { name: crd }),
    'CRDs',
    'fail',
    /tokenpolicies.* is missing/,
  ],
  [
    'a CRD serves another version',
    (s) =>
      s.kube.objects.patch(looked.definitions, { name: crd }, { spec: { versions: [{ name: 'v1', served: true }] } }),
    'CRDs',
    'fail',
    /does not serve v1alpha1/,
  ],
  [
    'a CRD has another schema',
    (s) =>
      s.kube.objects.patch(
        looked.definitions,
        { name: crd },
        { spec: { versions: [{ name: 'v1alpha1', served: true, schema: { openAPIV3Schema: { type: 'object' } } }] } },
      ),
    'CRDs',
    'fail',
    /schema of another release/,
  ],
  [
    'a CRD is not established',
    (s) => s.kube.objects.patchStatus(looked.definitions, { name: crd }, { conditions: [] }),
    'CRDs',
    'fail',
    /not established/,
  ],
  [
    'Tekton is missing',
    (s) => remove(s, looked.definitions, { name: 'customruns.tekton.dev' }),
    'Tekton',
    'fail',
    /CustomRuns are not served/,
  ],
  [
    'Tekton does not say its version',
    (s) => remove(s, resources.configMaps, { namespace: 'tekton-pipelines', name: 'pipelines-info' }),
    'Tekton',
    'warn',
    /does not say its version/,
  ],
  [
    'steps do not wait for sidecars',
    (s) =>
      s.kube.objects.patch(
        resources.configMaps,
        { namespace: 'tekton-pipelines', name: 'feature-flags' },
        { data: { 'await-sidecar-readiness': 'false' } },
      ),
    'Tekton flags',
    'warn',
    /await-sidecar-readiness is false/,
  ],
  [
    'the flags are nowhere',
    (s) => remove(s, resources.configMaps, { namespace: 'tekton-pipelines', name: 'feature-flags' }),
    'Tekton flags',
    'warn',
    /no ConfigMap feature-flags/,
  ],
  [
    'the broker is deleted',
    (s) => remove(s, looked.statefulSets, ours('tokenbroker')),
    'installation',
    'fail',
    /no broker/,
  ],
  [
    'a part is of another release',
    (s) =>
      s.kube.objects.patch(looked.deployments, ours('tokenbroker-webhook'), {
        metadata: { labels: { 'app.kubernetes.io/version': '9.9.9' } },
      }),
    'versions',
    'warn',
    /webhook 9\.9\.9, this command/,
  ],
  ['the broker is scaled to 0', (s) => scale(s, 0), 'pods', 'fail', /No pod is ready of broker/],
  [
    'a replica is missing',
    (s) => s.kube.objects.patch(looked.deployments, ours('tokenbroker-webhook'), { spec: { replicas: 2 } }),
    'pods',
    'warn',
    /webhook 1\/2/,
  ],
  [
    'the broker knows another cluster issuer',
    (s) => configure(s, 'broker', { issuer, clusters: [{ name: 'main', issuer: 'https://another.example.com' }] }),
    'cluster issuer',
    'fail',
    /the broker knows https:\/\/another\.example\.com/,
  ],
  [
    'the webhook asks for another audience',
    (s) => configure(s, 'webhook', { broker: { url: 'https://x', audience: 'https://wrong.example.com' } }),
    'audience',
    'fail',
    /the webhook asks for https:\/\/wrong\.example\.com/,
  ],
  [
    'the broker is not ready',
    (s) => (s.behind.readyz = { status: 503, text: 'The audit journal cannot be written.\n' }),
    'broker',
    'fail',
    /not ready: The audit journal cannot be written\./,
  ],
  [
    'nobody is behind the metrics Service',
    (s) => (s.behind.readyz = { status: 503, text: '{"kind":"Status"}' }),
    'broker',
    'fail',
    /finds no broker behind the Service tokenbroker-metrics/,
  ],
  [
    'a broker runs with an old configuration',
    (s) => (s.behind.discovery = { issuer: 'https://old.example.com', jwks_uri: 'https://old.example.com/jwks' }),
    'discovery',
    'fail',
    /says it is https:\/\/old\.example\.com/,
  ],
  ['the broker has no keys', (s) => (s.behind.jwks = { keys: [] }), 'discovery', 'fail', /publishes no keys/],
  [
    'the discovery listener is away',
    (s) => (s.behind.discovery = { kind: 'Status' }),
    'discovery',
    'fail',
    /discovery document was answered/,
  ],
  [
    'no controller leads',
    (s) =>
      s.kube.objects.patch(resources.leases, ours('tokenbroker-controller'), {
        spec: { renewTime: microTime(Date.now() - 120_000) },
      }),
    'controller',
    'fail',
    /renewed 12\d s ago/,
  ],
  [
    'the Lease is deleted',
    (s) => remove(s, resources.leases, ours('tokenbroker-controller')),
    'controller',
    'fail',
    /Nobody holds the Lease/,
  ],
  [
    'the webhook registration is deleted',
    (s) => remove(s, resources.mutatingWebhookConfigurations, webhookName),
    'webhook registration',
    'fail',
    /no MutatingWebhookConfiguration/,
  ],
  [
    'one of the two webhooks is gone',
    (s) => {
      const resource = resources.mutatingWebhookConfigurations
      const { webhooks } = s.kube.objects.get(resource, webhookName) as unknown as { webhooks: object[] }
      s.kube.objects.patch(resource, webhookName, { webhooks: webhooks.slice(0, 1) })
    },
    'webhook registration',
    'fail',
    /inject-required\.tokenbroker\.dev is missing/,
  ],
  [
    'a webhook fails open where it must not',
    (s) => changeWebhooks(s, (webhook) => ({ ...webhook, failurePolicy: 'Ignore' })),
    'webhook registration',
    'fail',
    /inject-required\.tokenbroker\.dev has another failurePolicy/,
  ],
  [
    'the selectors are changed',
    (s) => changeWebhooks(s, (webhook) => ({ ...webhook, namespaceSelector: {}, objectSelector: {} })),
    'webhook registration',
    'fail',
    /another objectSelector and namespaceSelector/,
  ],
  ['the CA bundle is empty', (s) => withBundle(s, ''), 'webhook CA bundle', 'fail', /the bundle is empty/],
  [
    'the CA bundle is garbage',
    (s) => withBundle(s, base64('hello')),
    'webhook CA bundle',
    'fail',
    /no PEM certificate/,
  ],
  ['the CA has ended', (s) => withBundle(s, authority(past)), 'webhook CA bundle', 'fail', /has ended/],
  [
    "the CA bundle is somebody else's",
    (s) => withBundle(s, authority(foreign)),
    'serving certificates',
    'fail',
    /the webhook's certificate is of none of the published authorities/,
  ],
  [
    'the serving certificate is gone',
    (s) => s.kube.objects.patch(resources.secrets, ours('tokenbroker-certificates'), { data: { 'broker.crt': null } }),
    'serving certificates',
    'fail',
    /the broker's Secret tokenbroker-certificates has no certificate/,
  ],
  [
    'the serving certificate has ended',
    (s) =>
      s.kube.objects.patch(resources.secrets, ours('tokenbroker-certificates'), {
        data: { 'broker.crt': authority(past) },
      }),
    'serving certificates',
    'fail',
    /the broker's certificate has ended/,
  ],
  [
    'the webhook Service is deleted',
    (s) => remove(s, looked.services, ours('tokenbroker-webhook')),
    'webhook endpoints',
    'fail',
    /no Service tokenbroker-webhook with port 443/,
  ],
  [
    'no webhook pod is ready',
    (s) =>
      s.kube.objects.patch(looked.endpointSlices, ours('tokenbroker-webhook-abc'), {
        endpoints: [{ conditions: { ready: false } }],
      }),
    'webhook endpoints',
    'fail',
    /No webhook pod is ready/,
  ],
  [
    'the API server passes the webhook by',
    (s) => (s.behind.refusal = undefined),
    'webhook answers',
    'fail',
    /passed the webhook unseen/,
  ],
  [
    'the API server cannot call a webhook that is required',
    (s) =>
      (s.behind.refusal = 'Internal error occurred: failed calling webhook "inject-required.tokenbroker.dev": x509'),
    'webhook answers',
    'fail',
    /cannot call the webhook/,
  ],
  [
    'something else refuses the pod',
    (s) => (s.behind.refusal = 'admission webhook "other.example.com" denied the request: no'),
    'webhook answers',
    'warn',
    /something before the webhook/,
  ],
  ...['tokenbroker-run-revocation', 'tokenbroker-secrets', 'tokenbroker-provenance'].map(
    (name): Row => [
      `the admission policy ${name} is not there`,
      (s) => s.kube.objects.delete(looked.admissionPolicies, { name }),
      'admission policies',
      'fail',
      new RegExp(`${name} is missing`),
    ],
  ),
  [
    'an admission policy is not bound',
    (s) =>
      s.kube.objects.create({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'tokenbroker-any', labels: { 'app.kubernetes.io/part-of': 'tokenbroker' } },
        spec: { failurePolicy: 'Fail' },
      }),
    'admission policies',
    'fail',
    /tokenbroker-any has no binding that denies/,
  ],
  [
    'an admission policy fails open',
    (s) =>
      s.kube.objects.create({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'tokenbroker-any', labels: { 'app.kubernetes.io/part-of': 'tokenbroker' } },
        spec: { failurePolicy: 'Ignore' },
      }),
    'admission policies',
    'fail',
    /tokenbroker-any does not fail closed/,
  ],
  [
    'the broker takes the admission policies for not in force',
    (s) =>
      (s.behind.readyz = { status: 200, text: 'ok\nno run of cluster main is verified: the canary proves nothing\n' }),
    'verified runs',
    'warn',
    /no run of cluster main is verified: the canary proves nothing/,
  ],
  [
    'the chart was installed without admission policies',
    (s) => configure(s, 'broker', { name: 'tokenbroker', issuer, clusters: [{ name: 'main', issuer: s.kube.url }] }),
    'verified runs',
    'warn',
    /installed without its admission policies/,
  ],
  [
    'a provider is not ready',
    (s) =>
      s.kube.objects.patchStatus(
        resources.clusterTokenProviders,
        { name: 'builtin' },
        { conditions: [ready('False', 'Nothing is issued: suspend is set.')] },
      ),
    'providers',
    'fail',
    /builtin: Nothing is issued: suspend is set\./,
  ],
  [
    'there is no provider',
    (s) => remove(s, resources.clusterTokenProviders, { name: 'builtin' }),
    'providers',
    'warn',
    /There is no ClusterTokenProvider/,
  ],
  [
    'a policy is not ready',
    (s) =>
      s.kube.objects.patchStatus(
        resources.tokenPolicies,
        { namespace: 'payments', name: 'deploy-staging' },
        { conditions: [] },
      ),
    'policies',
    'warn',
    /payments\/deploy-staging: the broker has not looked at it/,
  ],
]

describe('tokenbroker doctor', () => {
  it('finds nothing wrong where nothing is', async () => {
    const { doctor, kube } = await install()
    kube.forgetRequests()

    const { code, out } = await doctor()

    expect(out).toMatch(/^24 ok, 0 to look at, 0 wrong\.$/m)
    expect(code).toBe(0)
    expect(
      out
        .split('\n')
        .slice(0, -2)
        .map((line) => line.slice(0, 2)),
    ).toEqual(checks.map(() => 'ok'))
    const written = kube.requests().filter(({ info }) => info.method !== 'GET')
    expect(written.map(({ info }) => info.query.get('dryRun'))).toEqual(['All'])
  })

  it.each(table)('when %s: its line says so, with the mend', async (_, breaks, check, status, found) => {
    const site = await install()
    await breaks(site)

    const findings = await site.findings()

    expect(findings[check]).toMatchObject({
      status,
      found: expect.stringMatching(found),
      mend: expect.stringMatching(/\S/),
    })
  })

  it('has a row above for every check that looks at an object', () => {
    const covered = new Set(table.map(([, , check]) => check))
    const others = ['API server', 'clock', 'cluster keys']
    expect(checks.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual(others)
  })

  it.each([
    // a Date field is whole seconds
    [4000, 'warn', /[345] s ahead of/],
    [-45_000, 'fail', /4[456] s behind/],
  ])('says by how much a clock that is off by %i ms is off', async (ms, status, found) => {
    const { findings } = await install(() => new Date(Date.now() + ms))

    expect((await findings())['clock']).toMatchObject({ status, found: expect.stringMatching(found) })
  })

  it('prints what failed with the mend below, and exits 1', async () => {
    const { kube, doctor } = await install()
    kube.objects.delete(looked.definitions, { name: crd })

    const { code, out } = await doctor()

    expect(code).toBe(1)
    expect(out).toMatch(/^fail {2}CRDs +tokenpolicies\.tokenbroker\.dev is missing\.\n +-> kubectl apply/m)
  })

  it('names the right that each check lacks, and fails nothing for it', async () => {
    const { kube, findingsOf } = await install()
    kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'ana', namespace: 'payments' } })

    const findings = await findingsOf(kube.kubeconfig({ namespace: 'payments', serviceAccount: 'ana' }))

    expect(Object.values(findings).filter(({ status }) => status === 'fail')).toEqual([])
    const mends = Object.entries(findings).map(([check, finding]) => [check, 'mend' in finding ? finding.mend : ''])
    expect(Object.fromEntries(mends)).toMatchObject({
      CRDs: expect.stringContaining('get customresourcedefinitions.apiextensions.k8s.io'),
      installation: expect.stringContaining(`list deployments.apps in namespace ${system}`),
      audience: expect.stringContaining(`list configmaps in namespace ${system}`),
      providers: expect.stringContaining('list clustertokenproviders.tokenbroker.dev'),
    })
  })

  it('looks for the installation where it is told to, and says when none is there', async () => {
    const { doctor } = await install()

    const { code, out } = await doctor('-n', 'elsewhere')

    expect(code).toBe(1)
    expect(out).toMatch(/fail +installation +Namespace elsewhere has no broker and controller/)
    expect(out.match(/no ConfigMap with broker\.yaml/g)).toHaveLength(1)
    expect(out).toMatch(/^warn +not looked at +versions, pods, .*audience.*: no workload of the chart/m)
    const [, looks] = /, (\d+) to look at, 1 wrong\.$/m.exec(out) ?? []
    expect(Number(looks)).toBe(out.match(/^warn/gm)?.length)
  })

  it('says that there is no namespace to try a pod in', async () => {
    const { doctor, kube } = await install()
    kube.faults.next({ resource: 'pods', namespace: 'nowhere' }, { kind: 'answer', status: 404 })

    const { out } = await doctor('--try-in', 'nowhere')

    expect(out).toMatch(/warn +webhook answers +There is no namespace nowhere to try a pod in\./)
  })

  it('shows the log of the container that stops again and again', async () => {
    const site = await install()
    scale(site, 0)
    const labels = { 'app.kubernetes.io/part-of': 'tokenbroker', 'app.kubernetes.io/component': 'broker' }
    site.kube.objects.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...ours('tokenbroker-0'), labels },
      spec: {},
    })
    site.kube.objects.patchStatus(resources.pods, ours('tokenbroker-0'), {
      containerStatuses: [{ ready: false, restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff' } } }],
    })

    expect((await site.findings())['pods']).toMatchObject({
      status: 'fail',
      mend: expect.stringContaining(`kubectl logs -n ${system} tokenbroker-0 --previous`),
    })
  })

  it('forces conflicts in every mend by Helm, for Helm 4 refuses what kubectl changed', async () => {
    const site = await install()
    configure(site, 'webhook', { broker: { url: 'https://x', audience: 'https://wrong.example.com' } })
    remove(site, looked.services, ours('tokenbroker-webhook'))
    remove(site, looked.admissionPolicies, { name: 'tokenbroker-secrets' })

    const mends = Object.values(await site.findings()).flatMap((finding) => ('mend' in finding ? [finding.mend] : []))

    const byHelm = mends.filter((mend) => mend.includes('helm upgrade'))
    expect(byHelm).toHaveLength(3)
    expect(byHelm.filter((mend) => !mend.includes('helm upgrade --force-conflicts'))).toEqual([])
  })

  it('exits 5 when the API server does not answer or is not known', async () => {
    const { kube, doctor } = await install()
    await kube.faults.stopListening()
    expect(await doctor()).toMatchObject({ code: 5, out: '', notes: expect.stringContaining('does not answer') })

    const env = { HOME: await temporaryDirectory() }
    expect(await commandLine(['doctor'], { env })).toMatchObject({
      code: 5,
      notes: expect.stringContaining('kubeconfig'),
    })
  })

  it.each([
    [['doctor', 'now'], /takes no operands/],
    [['doctor', '-n', 'A/b'], /no name of a namespace/],
    [['doctor', '-o', 'yaml'], /--output takes table or json/],
  ])('refuses %j', async (args, notes) => {
    expect(await commandLine(args)).toMatchObject({ code: 2, notes: expect.stringMatching(notes) })
  })
})
