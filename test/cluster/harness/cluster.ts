import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { inject } from 'vitest'
import type { ClusterFacts } from '../rig/facts.ts'
import { Kube, type KubeObject } from './kube.ts'
import { waitFor } from './wait.ts'

/** What this run's cluster is: addresses, images, folders. */
export function facts(): ClusterFacts {
  return inject('cluster')
}

/** The address at which pods reach a process that a test started. */
export function hostAddress(): string {
  const address = facts().hostAddress
  if (!address)
    throw new Error('on a foreign cluster, set TOKEN_BROKER_HOST_ADDRESS to this machine as its pods see it')
  return address
}

let admin: Promise<Kube> | undefined

/** The API as cluster administrator; one client for all of a test file. */
export function kube(): Promise<Kube> {
  admin ??= Kube.connect(facts().kubeconfig)
  return admin
}

/** A new namespace that pods can run in at once. It goes with the cluster; on a foreign one, delete it. */
export async function createNamespace(prefix: string, labels: Readonly<Record<string, string>> = {}): Promise<string> {
  const client = await kube()
  const name = `${prefix}-${randomBytes(3).toString('hex')}`
  await client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
  await waitFor(`namespace ${name} has its default service account`, () =>
    client.find(`/api/v1/namespaces/${name}/serviceaccounts/default`),
  )
  return name
}

export async function deleteNamespace(name: string): Promise<void> {
  await (await kube()).delete(`/api/v1/namespaces/${name}`)
}

/** Applies YAML or objects as administrator; new kinds can be used as soon as this returns. */
export async function apply(
  documents: string | readonly KubeObject[],
  fieldManager?: string,
): Promise<readonly KubeObject[]> {
  const client = await kube()
  const applied = await client.apply(documents, fieldManager)
  for (const object of applied) {
    if (object.kind !== 'CustomResourceDefinition') continue
    const path = await client.pathOf(object)
    await waitFor(`${object.metadata.name} is served`, async () => {
      const conditions: readonly { type: string; status: string }[] = (await client.get(path)).status?.conditions ?? []
      return conditions.some((condition) => condition.type === 'Established' && condition.status === 'True')
    })
  }
  return applied
}

/** A fresh token of a service account, as a caller outside of pods would hold one; without an audience for the API. */
export async function createToken(
  namespace: string,
  account: string,
  audience?: string,
  seconds = 600,
): Promise<string> {
  const answer = await (await kube()).post(`/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: seconds, ...(audience ? { audiences: [audience] } : {}) },
  })
  return answer.status.token
}

/** Does something while a component, such as `kube-apiserver` or `etcd`, hangs: it accepts connections and says nothing. */
export async function whileHanging<T>(component: string, work: () => Promise<T>): Promise<T> {
  const pid = facts().processes[component]
  if (!pid) throw new Error(`${component} cannot be paused: only the components of the rig can`)
  process.kill(pid, 'SIGSTOP')
  try {
    await waitFor(`${component} stands still`, () => standsStill(pid))
    return await work()
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

/** A signal takes its time: a thread on a processor goes on for a moment. */
async function standsStill(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`)
  const states = await Promise.all(
    threads.map(async (thread) => {
      const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => ') T')
      return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
    }),
  )
  return states.every((state) => state === 'T')
}
