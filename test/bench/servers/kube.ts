import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KubeObject } from '../../../core/io/kube/api.ts'
import { startKube } from '../../fakes/kube/server.ts'
import { writePodLogin } from './pod-login.ts'

/**
 * The API server that the measured broker asks: in a process of its own, so that its work is not counted. Writes a
 * kubeconfig, a ServiceAccount as a pod has it, the key set and the subject tokens of many pods into a directory of the run.
 *
 * Arguments: directory, number of pods, audience.
 */
const [directory = '.', count = '500', audience = ''] = process.argv.slice(2)
const kube = await startKube({ tls: true })
const { objects } = kube
const broker = { namespace: 'tokenbroker-system', serviceAccount: 'tokenbroker-broker' }
const api = 'rbac.authorization.k8s.io'
const target = 'https://deploy.example.com'

objects.create({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: broker.serviceAccount, namespace: broker.namespace },
})
objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'deployer', namespace: 'payments' } })
objects.create({
  apiVersion: `${api}/v1`,
  kind: 'ClusterRoleBinding',
  metadata: { name: 'bench-broker' },
  roleRef: { apiGroup: api, kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ kind: 'ServiceAccount', name: broker.serviceAccount, namespace: broker.namespace }],
})
objects.create({
  apiVersion: `${api}/v1`,
  kind: 'Role',
  metadata: { name: 'deploy-staging', namespace: 'payments' },
  rules: [
    {
      apiGroups: ['tokenbroker.dev'],
      resources: ['tokenscopes'],
      resourceNames: ['builtin:deploy:staging', 'builtin-es256:deploy:staging'],
      verbs: ['exchange'],
    },
  ],
})
objects.create({
  apiVersion: `${api}/v1`,
  kind: 'RoleBinding',
  metadata: { name: 'deploy-staging', namespace: 'payments' },
  roleRef: { apiGroup: api, kind: 'Role', name: 'deploy-staging' },
  subjects: [{ kind: 'ServiceAccount', name: 'deployer', namespace: 'payments' }],
})
for (const [name, algorithm] of [
  ['builtin', 'RS256'],
  ['builtin-es256', 'ES256'],
] as const) {
  objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'ClusterTokenProvider',
    metadata: { name },
    spec: { builtin: { algorithm }, audiences: [target], scopes: ['deploy:staging'] },
  })
}
for (let at = 0; at < 20; at += 1) {
  // Twenty policies, as a namespace of some size has; the measured requests name one of them.
  objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'TokenPolicy',
    metadata: { name: `deploy-${at}`, namespace: 'payments' },
    spec: {
      providerRef: { name: at % 2 === 0 ? 'builtin' : 'builtin-es256' },
      audience: target,
      scopes: ['deploy:staging'],
    },
  })
}

/** Five tasks of each PipelineRun ask: pods are found to belong to a run, as those that the broker is for do. */
const tasksOfRun = 5
const startTime = new Date().toISOString()
const running = [{ type: 'Succeeded', status: 'Unknown', reason: 'Running' }]

function createPipelineRun(name: string): KubeObject {
  const taskNames = Array.from({ length: tasksOfRun }, (_, at) => `deploy-${at}`)
  return objects.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { name, namespace: 'payments' },
    spec: {
      pipelineRef: { name: 'release' },
      taskRunTemplate: { serviceAccountName: 'deployer' },
      timeouts: { pipeline: '1h0m0s' },
    },
    status: {
      startTime,
      conditions: running,
      childReferences: taskNames.map((task) => ({
        apiVersion: 'tekton.dev/v1',
        kind: 'TaskRun',
        name: `${name}-${task}`,
        pipelineTaskName: task,
      })),
    },
  })
}

function ownedBy({ apiVersion, kind, metadata: { name, uid } }: KubeObject): object {
  return { ownerReferences: [{ apiVersion, kind, name, uid, controller: true }] }
}

/** @returns the subject token of the pod */
function createTaskPod(pipelineRun: KubeObject, task: string): string {
  const name = `${pipelineRun.metadata.name}-${task}`
  const taskRun = objects.create<KubeObject>({
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name, namespace: 'payments', ...ownedBy(pipelineRun) },
    spec: { taskRef: { kind: 'Task', name: 'rollout' }, serviceAccountName: 'deployer' },
    status: { startTime, conditions: running, podName: `${name}-pod` },
  })
  objects.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${name}-pod`, namespace: 'payments', ...ownedBy(taskRun) },
    spec: { serviceAccountName: 'deployer', nodeName: 'node1' },
    status: { phase: 'Running' },
  })
  return kube.projectToken({ namespace: 'payments', serviceAccount: 'deployer', pod: `${name}-pod`, audience })
}

let pipelineRun = createPipelineRun('release-0')
const tokens = Array.from({ length: Number(count) }, (_, at) => {
  if (at > 0 && at % tasksOfRun === 0) pipelineRun = createPipelineRun(`release-${at / tasksOfRun}`)
  return createTaskPod(pipelineRun, `deploy-${at % tasksOfRun}`)
})

const mode = { mode: 0o600 }
const kubeconfig = kube.kubeconfig(broker)
writeFileSync(join(directory, 'kubeconfig.json'), kubeconfig, mode)
writePodLogin(kubeconfig, directory)
writeFileSync(join(directory, 'tokens.json'), JSON.stringify(tokens), mode)
writeFileSync(join(directory, 'jwks.json'), JSON.stringify(kube.issuer.jwks()), mode)
process.stdout.write(`${JSON.stringify({ event: 'listening', url: kube.url })}\n`)
process.once('SIGTERM', () => void kube.close().then(() => process.exit(0)))
