import type { KubeObject } from '../../../core/io/kube/api.ts'
import { at, isObject, listAt, textAt } from '../kube/json.ts'
import { childName, controllerRef } from './children.ts'

/** The pod that Tekton's TaskRun controller makes, as far as identity and injection look at it. It runs nothing. */
export function podOf(taskRun: KubeObject, taskSpec: unknown, node: string): object {
  const { name, namespace, uid, labels, annotations } = taskRun.metadata
  const steps = listAt(taskSpec, 'steps').map((step, i) => ({
    name: `step-${textAt(step, 'name') ?? `unnamed-${i}`}`,
    image: textAt(step, 'image') ?? 'busybox',
    command: ['/tekton/bin/entrypoint'],
    volumeMounts: [
      ...listAt(step, 'volumeMounts'),
      { name: 'tekton-internal-bin', mountPath: '/tekton/bin', readOnly: true },
    ],
  }))
  const fallback = { name: 'step-unnamed-0', image: 'busybox', command: ['/tekton/bin/entrypoint'], volumeMounts: [] }
  const podTemplate = at(taskRun.spec, 'podTemplate')
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: childName(name, 'pod'),
      namespace,
      labels: {
        ...labels,
        'app.kubernetes.io/managed-by': 'tekton-pipelines',
        'tekton.dev/taskRun': name,
        'tekton.dev/taskRunUID': uid,
      },
      annotations: { ...annotations, 'tekton.dev/ready': 'READY', 'pipeline.tekton.dev/release': 'v1.15.0' },
      ownerReferences: [controllerRef(taskRun)],
    },
    spec: {
      serviceAccountName: textAt(taskRun.spec, 'serviceAccountName') ?? 'default',
      nodeName: node,
      restartPolicy: 'Never',
      initContainers: [{ name: 'prepare', image: 'entrypoint', command: ['/ko-app/entrypoint', 'init'] }],
      containers: steps.length === 0 ? [fallback] : steps,
      volumes: [...listAt(taskSpec, 'volumes'), { name: 'tekton-internal-bin', emptyDir: {} }],
      ...(isObject(podTemplate) ? podTemplate : {}),
    },
    status: { phase: 'Running', podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }], hostIP: '127.0.0.1' },
  }
}
