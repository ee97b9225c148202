import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { Kube } from './harness/kube.ts'
import { readKubeconfig } from './harness/kubeconfig.ts'
import { waitFor } from './harness/wait.ts'
import { forgetInstallation } from './product/installation-note.ts'
import { acceptsPods } from './rig/cluster.ts'
import { type ClusterFacts, factsVariable } from './rig/facts.ts'
import { tektonAdmits } from './rig/tekton.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: ClusterFacts
  }
}

/** Waits until the cluster can run pipelines, and hands the tests what they may know about it. */
export async function setup(project: TestProject): Promise<void> {
  const facts = await readFacts()
  const kube = await Kube.connect(facts.kubeconfig)
  try {
    await waitFor('the API server is ready', async () => (await kube.text('/readyz')) === 'ok', { timeoutMs: 30_000 })
    await waitFor('Tekton admits a Task', () => tektonAdmits(kube), { timeoutMs: 60_000 })
    await waitFor(
      'a node accepts pods',
      async (report) => {
        const nodes = await kube.list('/api/v1/nodes')
        report(nodes.map((node) => ({ name: node.metadata.name, conditions: node.status?.conditions })))
        return nodes.some(acceptsPods)
      },
      { timeoutMs: 60_000 },
    )
  } finally {
    await kube.close()
  }
  await forgetInstallation(facts)
  project.provide('cluster', facts)
}

async function readFacts(): Promise<ClusterFacts> {
  const file = process.env[factsVariable]
  if (file) return JSON.parse(await readFile(file, 'utf8')) as ClusterFacts
  const { KUBECONFIG: kubeconfig } = process.env
  if (!kubeconfig) {
    throw new Error('the cluster tests need a cluster: start them with `npm run test:cluster`, or set KUBECONFIG')
  }
  return foreignFacts(kubeconfig)
}

async function foreignFacts(kubeconfig: string): Promise<ClusterFacts> {
  const {
    TOKEN_BROKER_HOST_ADDRESS: hostAddress = null,
    TOKEN_BROKER_BUSYBOX_IMAGE: busybox = 'busybox:1',
    TOKEN_BROKER_NODE_IMAGE: node = 'node:26-slim',
    TOKEN_BROKER_CURL_IMAGE: curl = 'curlimages/curl:8.16.0',
    TOKEN_BROKER_TOOLS_IMAGE: tools = 'docker.io/library/debian:12',
    TOKEN_BROKER_TASK_IMAGE: task = null,
    TOKEN_BROKER_BROKER_IMAGE: broker = null,
  } = process.env
  return {
    kubeconfig,
    apiUrl: (await readKubeconfig(kubeconfig)).server,
    authority: null,
    pki: null,
    hostAddress,
    images: { busybox, node, curl, tools, task, broker },
    logs: await mkdtemp(join(tmpdir(), 'cluster-tests-')),
    processes: {},
  }
}
