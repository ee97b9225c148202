import { chmod, cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuiltModule, ModuleName } from '../build.ts'
import { Kube, type KubeObject } from '../harness/kube.ts'
import { configureContainerd, containerdAnswers } from './containerd.ts'
import * as controlPlane from './control-plane.ts'
import { createCredentials, kubeconfigOf } from './credentials.ts'
import { dnsObjects, serveNames } from './dns.ts'
import { temporaryFolder } from './environment.ts'
import type { ClusterFacts, ImageNames } from './facts.ts'
import { copyImageStore } from './image-store.ts'
import { createBridge, hideTraces } from './network.ts'
import { apiUrl, factsFile, hostAddress, logs, nodeName, state } from './places.ts'
import { say } from './progress.ts'
import { Supervisor } from './supervisor.ts'
import {
  createTektonLogins,
  installTekton,
  tektonAdmits,
  tektonController,
  tektonReadiness,
  tektonWebhook,
} from './tekton.ts'
import { writeTools } from './tools.ts'

type Built = Readonly<Record<ModuleName, BuiltModule>>

/** Starts a cluster with Tekton and no node from nothing, ends it, and keeps its data and keys in `target`. */
export async function makeSnapshot(built: Built, target: string): Promise<void> {
  const supervisor = new Supervisor()
  await Promise.all([hideTraces(), createBridge(), createCredentials(state)])
  const kube = await startApi(supervisor, built)
  supervisor.start(controlPlane.controllerManager(built.kube))
  await kube.apply([...baseObjects, ...dnsObjects])
  await installTekton(kube)
  await createTektonLogins(kube)
  await startTekton(supervisor, built, kube)
  await supervisor.until('kube-controller-manager', 'the default service account', () =>
    kube.find('/api/v1/namespaces/default/serviceaccounts/default'),
  )
  for (const name of ['tekton-controller', 'tekton-webhook', 'kube-controller-manager', 'kube-apiserver'] as const) {
    await supervisor.stop(name, 'SIGKILL')
  }
  // in order, so that the data is complete on disk
  await supervisor.stop('etcd')
  await kube.close()
  await mkdir(target, { recursive: true, mode: 0o700 })
  const kept = (await readdir(state)).filter((name) => name.endsWith('.kubeconfig'))
  for (const name of ['etcd', 'pki', ...kept]) await cp(join(state, name), join(target, name), { recursive: true })
}

/** Starts every component from a snapshot, in parallel, and waits until pods can run. */
export async function startCluster(
  supervisor: Supervisor,
  plan: { readonly built: Built; readonly snapshot: string; readonly imageStore: string; readonly images: ImageNames },
): Promise<ClusterFacts> {
  const { built } = plan
  await Promise.all([
    hideTraces(),
    createBridge(),
    cp(plan.snapshot, state, { recursive: true, preserveTimestamps: true }),
  ])
  const containerd = startContainerd(supervisor, plan.imageStore)
  const kube = await startApi(supervisor, built)
  say('API server ready')
  supervisor.start(controlPlane.controllerManager(built.kube))
  supervisor.start(controlPlane.scheduler(built.kube))
  await Promise.all([
    startTekton(supervisor, built, kube).then(() => say('Tekton ready')),
    containerd.then((socket) => startNode(supervisor, built, kube, socket)).then(() => say('node ready')),
    serveNames(kube),
    writeTools(built),
    mkdir(temporaryFolder, { recursive: true }),
  ])
  const facts: ClusterFacts = {
    kubeconfig: kubeconfigOf(state, 'admin'),
    apiUrl,
    authority: join(state, 'pki', 'ca.crt'),
    pki: join(state, 'pki'),
    hostAddress,
    images: plan.images,
    logs,
    processes: supervisor.processes,
  }
  await writeFile(factsFile, JSON.stringify(facts, undefined, 2))
  return facts
}

async function startApi(supervisor: Supervisor, built: Built): Promise<Kube> {
  await chmodEtcdData()
  supervisor.start(controlPlane.etcd(built.etcd))
  await supervisor.until('etcd', controlPlane.etcdHealth, () => answers(controlPlane.etcdHealth))
  supervisor.start(controlPlane.apiServer(built.kube))
  const kube = await Kube.connect(kubeconfigOf(state, 'admin'))
  await supervisor.until('kube-apiserver', '/readyz', async () => (await kube.text('/readyz')) === 'ok')
  return kube
}

async function startTekton(supervisor: Supervisor, built: Built, kube: Kube): Promise<void> {
  supervisor.start(tektonWebhook(built.tekton))
  supervisor.start(tektonController(built.tekton))
  await Promise.all(
    Object.entries(tektonReadiness).map(([name, url]) => supervisor.until(name, url, () => answers(url))),
  )
  await supervisor.until('tekton-webhook', "Tekton's admission of a Task", () => tektonAdmits(kube))
}

async function startContainerd(supervisor: Supervisor, imageStore: string): Promise<string> {
  const directory = join(state, 'containerd')
  const root = join(directory, 'root')
  await copyImageStore(imageStore, root)
  const containerd = await configureContainerd(directory, root)
  supervisor.start(containerd.component)
  await supervisor.until('containerd', 'an answer', () => containerdAnswers(containerd.socket))
  return containerd.socket
}

async function startNode(supervisor: Supervisor, built: Built, kube: Kube, containerdSocket: string): Promise<void> {
  const configuration = join(state, 'kubelet.json')
  // pods get the cluster's names only, not the machine's search domains
  const resolvConf = join(state, 'pod-resolv.conf')
  await writeFile(resolvConf, '')
  await writeFile(configuration, JSON.stringify(controlPlane.kubeletConfiguration(containerdSocket, resolvConf)))
  supervisor.start(controlPlane.kubelet(built.kube, configuration))
  supervisor.start(controlPlane.kubeProxy(built.kube))
  await Promise.all([
    supervisor.until('kubelet', 'a Node that is Ready and has no taint', async () => {
      const node = await kube.find(`/api/v1/nodes/${nodeName}`)
      return node !== undefined && acceptsPods(node)
    }),
    supervisor.until('kube-proxy', 'its health', () => answers('http://127.0.0.1:10256/healthz')),
  ])
}

/** Whether pods can be scheduled to a node: the controller manager takes the taint off a moment after it is Ready. */
export function acceptsPods(node: KubeObject): boolean {
  const conditions: readonly { type: string; status: string }[] = node.status?.conditions ?? []
  const ready = conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True')
  return ready && !node.spec.taints
}

async function answers(url: string): Promise<boolean> {
  return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok
}

// etcd refuses data that others may read
async function chmodEtcdData(): Promise<void> {
  await mkdir(controlPlane.etcdData, { recursive: true, mode: 0o700 })
  await chmod(controlPlane.etcdData, 0o700)
}

const rbac = 'rbac.authorization.k8s.io'
const baseObjects: readonly KubeObject[] = [
  // relying parties fetch the issuer's keys without a login, as they would from any managed cluster
  clusterRoleBinding('issuer-discovery', 'system:service-account-issuer-discovery', 'Group', 'system:unauthenticated'),
  clusterRoleBinding('kube-proxy', 'system:node-proxier', 'User', 'system:kube-proxy'),
]

function clusterRoleBinding(name: string, role: string, kind: 'Group' | 'User', subject: string): KubeObject {
  return {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: rbac, kind, name: subject }],
  }
}
