import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createAdmissionGuard, noAdmissionGuard, type WatchedGuard } from '../../../broker/identity/admission-guard.ts'
import { type KubeClient, type KubeObject, type Resource, resources } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { createLog } from '../../../core/io/log.ts'
import { Secret } from '../../../core/secret.ts'
import { audience, expected, settings, writtenAt } from '../../core/admission/installed-fixture.ts'
import { type FakeKube, startKube } from '../../fakes/kube/server.ts'

const installed = '2026-03-01T10:00:00Z'
const labelled = '2026-03-01T11:00:00Z'
let now = new Date('2026-03-01T12:00:00Z')
const clock = () => now
let kube: FakeKube
let client: KubeClient
let guard: WatchedGuard
let lines: string[]
/** Ends the pause between two canaries. */
let next: () => void

beforeEach(async () => {
  now = new Date('2026-03-01T12:00:00Z')
  kube = await startKube({ clock: () => new Date(installed) })
  client = createKubeClient({ credentials: { server: kube.url, token: new Secret(kube.adminToken) } })
  lines = []
  for (const namespace of [settings.namespace, 'payments', 'other']) createNamespace(namespace)
  for (const { name } of expected) install(name)
  guard = createAdmissionGuard({
    kube: client,
    settings,
    audience,
    clock,
    delay: (_ms, signal) =>
      new Promise((resolve, reject) => {
        next = resolve
        if (signal.aborted) reject(signal.reason)
        signal.addEventListener('abort', () => reject(signal.reason))
      }),
    log: createLog({ name: 'broker', level: 'info', destination: { write: (line) => void lines.push(line) } }),
  })
})

afterEach(async () => {
  await guard.stop()
  await client.close()
  await kube.close()
})

const verified = { 'f:metadata': { 'f:labels': { 'f:tokenbroker.dev/verified': {} } } }

function createNamespace(name: string): void {
  const labels = name === 'payments' ? { 'tokenbroker.dev/verified': 'true' } : {}
  drop(resources.namespaces, name)
  put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels, ...writtenAt(labelled, verified) } })
}

function install(name: string, changes: { readonly binding?: object; readonly at?: string } = {}): void {
  const one = expected.find((other) => other.name === name) ?? expect.fail()
  const metadata = {
    name,
    labels: { 'app.kubernetes.io/part-of': 'tokenbroker' },
    ...writtenAt(changes.at ?? installed),
  }
  const apiVersion = 'admissionregistration.k8s.io/v1'
  remove(name)
  put({ apiVersion, kind: 'ValidatingAdmissionPolicy', metadata, spec: one.policy })
  const spec = { ...one.binding, ...changes.binding }
  put({ apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata, spec })
}

function put(object: object): void {
  kube.objects.create(object as KubeObject)
}

function remove(name: string): void {
  drop(resources.validatingAdmissionPolicies, name)
  drop(resources.validatingAdmissionPolicyBindings, name)
}

function drop(resource: Resource, name: string): void {
  if (kube.objects.get(resource, { name }) !== undefined) kube.objects.delete(resource, { name })
}

async function says(why: string | RegExp, namespace = 'payments'): Promise<void> {
  await expect.poll(() => guard.why(namespace)).toMatch(why)
}

const inForce = /^$/
const provenance = `${settings.release}-provenance`

describe('createAdmissionGuard', () => {
  it('verifies nothing before it has looked', () => {
    expect(guard.verifiedSince('payments')).toBeUndefined()
    expect(guard.why('payments')).toBe('the policies have not been listed yet')
  })

  it('verifies since the newest of policies, bindings and the label of the namespace, and a moment to settle', async () => {
    guard.start()
    await says(inForce)

    expect(guard.verifiedSince('payments')).toEqual(new Date('2026-03-01T11:00:05Z'))

    install(provenance, { at: '2026-03-01T11:30:00Z' })
    await expect.poll(() => guard.verifiedSince('payments')).toEqual(new Date(now.getTime() + 5000))
  })

  it('verifies nothing in a namespace without the label, and follows it', async () => {
    guard.start()
    await says(inForce)

    expect(guard.verifiedSince('other')).toBeUndefined()
    expect(guard.why('other')).toBe('namespace other has no label tokenbroker.dev/verified=true')
    kube.objects.delete(resources.namespaces, { name: 'payments' })
    await says(/namespace payments has no label/)
  })

  it.each<[string, () => void, RegExp]>([
    ['a policy is missing', () => remove(provenance), /ValidatingAdmissionPolicy tokenbroker-provenance is missing/],
    [
      'a binding only audits',
      () => install(provenance, { binding: { validationActions: ['Audit'] } }),
      /Binding tokenbroker-provenance is not the one of this release/,
    ],
  ])('verifies nothing while %s, and afterwards nothing that was made meanwhile', async (_what, change, why) => {
    guard.start()
    await says(inForce)

    change()
    await says(why)
    expect(guard.verifiedSince('payments')).toBeUndefined()
    now = new Date('2026-03-01T12:00:10Z')
    install(provenance)
    // What it said was that the forged object was let in, maybe.
    next()
    await says(inForce)

    expect(guard.verifiedSince('payments')).toEqual(new Date('2026-03-01T12:00:15Z'))
    const [first, second] = messages()
    expect([first, second, messages().at(-1)]).toEqual([
      'admission policies are in force',
      'admission policies are not in force: no run is verified',
      'admission policies are in force',
    ])
  })

  it('verifies nothing once the canary is let in, whatever is installed', async () => {
    const forgetful = createAdmissionGuard({
      kube: { ...client, wouldCreate: async () => undefined },
      settings,
      audience,
      clock,
      delay: (_ms, signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      log: createLog({ name: 'broker', level: 'silent' }),
    })
    onTestFinished(() => forgetful.stop())
    forgetful.start()

    await expect.poll(() => forgetful.why('payments')).toBe('the API server let in what the policies refuse')
    expect(forgetful.verifiedSince('payments')).toBeUndefined()
  })

  it.each<[string, number, RegExp]>([
    [
      'may not be tried',
      403,
      /canary proves nothing: the broker needs create customruns.tekton.dev in namespace tokenbroker-system/,
    ],
    ['finds the API server in trouble', 500, /canary proves nothing: the API server answered 500/],
  ])(
    'verifies nothing when the last canary that was refused is old and the next one %s',
    async (_what, status, why) => {
      guard.start()
      await says(inForce)
      kube.faults.next({ verb: 'create', resource: 'customruns' }, { kind: 'answer', status }, 9)

      now = new Date(now.getTime() + 45_000)
      next()
      await expect.poll(() => kube.requests({ verb: 'create', resource: 'customruns' }).length).toBeGreaterThan(1)
      expect(guard.why('payments')).toBe('')
      now = new Date(now.getTime() + 1)

      await says(why)
    },
  )

  it('says which right it needs to look', async () => {
    kube.faults.next({ verb: 'list', resource: 'namespaces' }, { kind: 'answer', status: 403 }, 99)
    guard.start()

    await says(/the broker needs list and watch on namespaces/)
  })

  it('verifies nothing when the API server has said nothing for a while', async () => {
    guard.start()
    await says(inForce)

    now = new Date(now.getTime() + 150_001)

    expect(guard.why('payments')).toBe('the API server has said nothing about the policies for a while')
    expect(guard.verifiedSince('payments')).toBeUndefined()
  })
})

describe('noAdmissionGuard', () => {
  it('verifies nothing', () => {
    expect(noAdmissionGuard.verifiedSince('payments')).toBeUndefined()
    expect(noAdmissionGuard.why('payments')).toBe('the configuration of the cluster names no admission policies')
  })
})

function messages(): readonly string[] {
  return lines.map((line) => JSON.parse(line).msg).filter((text: string) => text.startsWith('admission policies'))
}
