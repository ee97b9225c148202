import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { issueAuthority } from '../../custom-task/certificates/certificate.ts'
import { apply, facts, kube } from './harness/cluster.ts'
import type { KubeObject } from './harness/kube.ts'
import { loginAs } from './harness/login.ts'
import { waitFor } from './harness/wait.ts'
import { applyDefinitions, installProduct } from './product/install.ts'
import { issuerUrl, release, system } from './product/names.ts'
import { untilReachable } from './product/reachable.ts'

/** As on a person's machine, with nothing but a kubeconfig. */
const program = join(import.meta.dirname, '../../custom-task/cli/main.ts')
const webhookPath = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${release}-webhook`
const crdPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tokenpolicies.tokenbroker.dev'
const configMapOf = (part: string) => `/api/v1/namespaces/${system}/configmaps/${release}-${part}`
const workloads = `/apis/apps/v1/namespaces/${system}`

interface Line {
  readonly check: string
  readonly status: 'ok' | 'warn' | 'fail'
  readonly found: string
}

interface Diagnosis {
  readonly code: number
  readonly lines: Readonly<Record<string, Line>>
}

async function run(args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [program, 'doctor', '-n', system, ...args], (error, out, notes) =>
      resolve({ code: error === null ? 0 : Number(error.code), out: out || notes }),
    )
  })
}

async function diagnose(kubeconfig = facts().kubeconfig): Promise<Diagnosis> {
  const { code, out } = await run(['-o', 'json', '--kubeconfig', kubeconfig])
  const lines = JSON.parse(out) as readonly Line[]
  return { code, lines: Object.fromEntries(lines.map((line) => [line.check, line])) }
}

function failing({ lines }: Diagnosis): readonly string[] {
  return Object.values(lines)
    .filter(({ status }) => status === 'fail')
    .map(({ check }) => check)
}

/** Parts take a moment to see what changed. */
async function waitUntilWell(): Promise<void> {
  await waitFor(
    'everything is ok',
    async (report) => {
      const complaints = Object.values((await diagnose()).lines).filter(({ status }) => status !== 'ok')
      report(complaints)
      return complaints.length === 0
    },
    { timeoutMs: 60_000, intervalMs: 1000 },
  )
}

/** Changes an object, looks, and changes it back. */
async function whileChanged(path: string, change: object, back: object): Promise<Diagnosis> {
  const client = await kube()
  await client.patch(path, change)
  try {
    return await diagnose()
  } finally {
    await client.patch(path, back)
  }
}

/** Changes the text of a configuration. The process itself reads it at its next start. */
async function whileConfigured(part: string, from: string | RegExp, to: string): Promise<Diagnosis> {
  const path = configMapOf(part)
  const { data } = await (await kube()).get<KubeObject & { readonly data: Record<string, string> }>(path)
  const key = `${part}.yaml`
  expect(data[key]).toMatch(from)
  return await whileChanged(path, { data: { [key]: data[key]?.replace(from, to) } }, { data: { [key]: data[key] } })
}

async function scale(kind: string, name: string, replicas: number): Promise<void> {
  const path = `${workloads}/${kind}/${name}`
  const client = await kube()
  await client.patch(path, { spec: { replicas } })
  await waitFor(
    `${name} has ${replicas} ready`,
    async () => ((await client.get(path)).status.readyReplicas ?? 0) === replicas,
  )
  if (replicas > 0) await untilReachable()
}

beforeAll(async () => {
  await installProduct()
  await waitUntilWell()
})

afterAll(async () => {
  await (await kube()).close()
})

describe('tokenbroker doctor on an installation', () => {
  test('that is well says ok in every line', async () => {
    const { code, out } = await run(['--kubeconfig', facts().kubeconfig])

    expect(out).toMatch(/^\d\d ok, 0 to look at, 0 wrong\.$/m)
    expect(out).toMatch(/^ok +webhook answers +It refuses a forged pod/m)
    expect(code).toBe(0)
  })

  test("whose CA bundle is somebody else's names the certificate, and shows that pods pass unseen", async () => {
    const { webhooks } = await (await kube()).get<KubeObject & { readonly webhooks: readonly Webhook[] }>(webhookPath)
    const notBefore = new Date()
    const another = issueAuthority('another', { notBefore, notAfter: new Date(notBefore.getTime() + 3_600_000) })
    const caBundle = Buffer.from(another.certificate.toString()).toString('base64')
    const wrong = webhooks.map((one) => ({ ...one, clientConfig: { ...one.clientConfig, caBundle } }))

    const found = await whileChanged(webhookPath, { webhooks: wrong }, { webhooks })

    expect(failing(found)).toEqual(['serving certificates', 'webhook answers'])
    expect(found.code).toBe(1)
    await waitUntilWell()
  })

  test('whose webhook asks for another audience names it', async () => {
    const found = await whileConfigured('webhook', `audience: ${issuerUrl}`, 'audience: https://wrong.example.com')

    expect(failing(found)).toEqual(['audience'])
    expect(found.lines['audience']?.found).toContain('the webhook asks for https://wrong.example.com')
  })

  test('whose broker knows another cluster issuer names both', async () => {
    const found = await whileConfigured(
      'broker',
      /^( +)name: rig$/m,
      '$1name: rig\n$1issuer: https://wrong.example.com',
    )

    expect(failing(found)).toEqual(['cluster issuer'])
  })

  test('without webhook pods says what becomes of pods', async () => {
    await scale('deployments', `${release}-webhook`, 0)
    // A pod on its way out answers for a while.
    await waitFor('the last one is gone', async (report) => {
      const found = failing(await diagnose())
      report(found)
      return found.join() === 'pods,webhook endpoints,webhook answers'
    })
    await scale('deployments', `${release}-webhook`, 2)
    await waitUntilWell()
  })

  test('without a broker says so', async () => {
    await scale('statefulsets', release, 0)
    const found = await diagnose()
    await scale('statefulsets', release, 1)

    expect(failing(found)).toEqual(expect.arrayContaining(['pods', 'broker', 'discovery']))
  })

  test('tells somebody who may only view what they lack', async () => {
    const { kubeconfig } = await loginAs(system, 'viewer')
    await apply([
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'viewer', namespace: system },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
        subjects: [{ kind: 'ServiceAccount', name: 'viewer', namespace: system }],
      },
    ])

    const found = await diagnose(kubeconfig)

    expect(failing(found)).toEqual([])
    expect(found.lines).toMatchObject({
      installation: { status: 'ok' },
      audience: { status: 'ok' },
      CRDs: { status: 'warn', mend: expect.stringContaining('get customresourcedefinitions.apiextensions.k8s.io') },
      broker: { status: 'warn', mend: expect.stringContaining(`get services/proxy in namespace ${system}`) },
    })
  })

  test('without a CRD names it', async () => {
    await (await kube()).delete(crdPath)
    await waitFor('the definition is gone', async () => (await (await kube()).find(crdPath)) === undefined)
    const found = await diagnose()
    await applyDefinitions()

    expect(failing(found)).toContain('CRDs')
    expect(found.lines['CRDs']?.found).toBe('tokenpolicies.tokenbroker.dev is missing.')
  })
})

interface Webhook {
  readonly name: string
  readonly clientConfig: object
}
