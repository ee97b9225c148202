import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { customRunObject, namespace, pipelineRunObject } from '../../core/tekton/objects.ts'
import { tektonPodObject } from '../../custom-task/webhook/tekton-pod.ts'
import { startKube } from '../../fakes/kube/server.ts'
import { writePodLogin } from './pod-login.ts'

/**
 * The API server that the measured webhook asks, in a process of its own: PipelineRuns with an authorised TokenExchange,
 * and a TaskRun behind each. Writes a login and the pods to be admitted.
 *
 * Arguments: directory, number of runs.
 */
const [directory = '.', count = '200'] = process.argv.slice(2)
const kube = await startKube({ tls: true })

const pods = Array.from({ length: Number(count) }, (_, at) => podOfRun(`release-${at}`))
writeFileSync(join(directory, 'pods.json'), JSON.stringify(pods))
writePodLogin(kube.kubeconfig('admin'), directory)
process.stdout.write(`${JSON.stringify({ event: 'listening', url: kube.url })}\n`)
process.once('SIGTERM', () => void kube.close().then(() => process.exit(0)))

function podOfRun(name: string): object {
  const shape = pipelineRunObject()
  const childReferences = shape.status.childReferences.map((child) => ({
    ...child,
    name: child.name.replace('release', name),
  }))
  const bare = { resourceVersion: undefined, uid: undefined }
  const run = kube.objects.create(
    pipelineRunObject({ metadata: { ...bare, name }, status: { ...shape.status, childReferences } }),
  )
  const { apiVersion, kind, metadata } = run
  const ownerReferences = [{ apiVersion, kind, name, uid: metadata.uid, controller: true }]
  kube.objects.create(
    customRunObject({
      metadata: { ...bare, name: `${name}-token`, ownerReferences },
      status: { conditions: [{ type: 'Succeeded', status: 'True', reason: 'Authorized' }] },
    }),
  )
  const taskRun = kube.objects.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: {
      name: `${name}-deploy`,
      namespace,
      labels: { 'tekton.dev/pipelineTask': 'deploy' },
      ownerReferences,
    },
    spec: { taskRef: { name: 'rollout' }, serviceAccountName: 'deployer' },
  })
  const pod = tektonPodObject()
  const owners = pod.metadata.ownerReferences.map((one) => ({
    ...one,
    name: taskRun.metadata.name,
    uid: taskRun.metadata.uid,
  }))
  return { ...pod, metadata: { ...pod.metadata, name: `${name}-deploy-pod`, ownerReferences: owners } }
}
