import { type AdmittedPod, parseAdmittedPod } from '../../../custom-task/webhook/admitted-pod.ts'
import { present } from '../../core/tekton/objects.ts'

export const taskRunUid = '33333333-3333-4333-8333-333333333333'

interface Part {
  readonly name: string
  readonly [field: string]: unknown
}

export interface TektonPodOptions {
  /** As in the Task; an empty name is a step without one. */
  readonly steps?: readonly Part[]
  readonly sidecars?: readonly Part[]
  readonly volumes?: readonly object[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  /** Fields of the pod's spec that a podTemplate sets. */
  readonly podTemplate?: object
  /** Tekton's `enable-kubernetes-sidecar`. */
  readonly hasNativeSidecars?: boolean
  readonly retries?: number
}

const implicitMounts = [
  { name: 'tekton-internal-workspace', mountPath: '/workspace' },
  { name: 'tekton-internal-home', mountPath: '/tekton/home' },
  { name: 'tekton-internal-results', mountPath: '/tekton/results' },
  { name: 'tekton-internal-steps', mountPath: '/tekton/steps', readOnly: true },
  { name: 'tekton-internal-artifacts', mountPath: '/tekton/artifacts' },
]

const securityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
}

/** What Tekton 1.15 writes for a Task whose steps are scripts, as the API server asks admission about it. */
export function tektonPodObject(options: TektonPodOptions = {}) {
  const { steps = [{ name: 'rollout' }], sidecars = [], retries = 0, hasNativeSidecars = false } = options
  const sidecarContainers = sidecars.map((one) => ({
    image: 'registry',
    resources: {},
    ...one,
    name: `sidecar-${one.name}`,
  }))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `release-deploy-pod${retries === 0 ? '' : `-retry${retries}`}`,
      namespace: 'payments',
      creationTimestamp: null,
      labels: {
        'app.kubernetes.io/managed-by': 'tekton-pipelines',
        'tekton.dev/memberOf': 'tasks',
        'tekton.dev/pipelineRun': 'release',
        'tekton.dev/pipelineTask': 'deploy',
        'tekton.dev/taskRun': 'release-deploy',
        'tekton.dev/taskRunUID': taskRunUid,
        ...options.labels,
      },
      annotations: { 'pipeline.tekton.dev/release': '3ee1745', ...options.annotations },
      ownerReferences: [
        {
          apiVersion: 'tekton.dev/v1',
          kind: 'TaskRun',
          name: 'release-deploy',
          uid: taskRunUid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      activeDeadlineSeconds: 5400,
      restartPolicy: 'Never',
      serviceAccountName: 'deployer',
      initContainers: [...initContainers(), ...(hasNativeSidecars ? native(sidecarContainers) : [])],
      containers: [
        ...steps.map((step, i) => stepContainer(step, i, steps.length)),
        ...(hasNativeSidecars ? [] : sidecarContainers),
      ],
      volumes: [
        ...implicitMounts.map(({ name }) => ({ name, emptyDir: {} })),
        { name: 'tekton-internal-scripts', emptyDir: {} },
        { name: 'tekton-internal-bin', emptyDir: {} },
        ...steps.map((_, i) => ({ name: `tekton-creds-init-home-${i}`, emptyDir: { medium: 'Memory' } })),
        ...steps.map((_, i) => ({ name: `tekton-internal-run-${i}`, emptyDir: {} })),
        ...(options.volumes ?? []),
      ],
      ...options.podTemplate,
    },
    status: {},
  }
}

export function tektonPod(options: TektonPodOptions = {}): AdmittedPod {
  return parsePod(tektonPodObject(options))
}

/** With annotations of ours, their prefix left out. */
export function annotated(annotations: Readonly<Record<string, string>>, more: TektonPodOptions = {}) {
  const prefixed = Object.entries(annotations).map(([key, value]) => [`tokenbroker.dev/${key}`, value])
  return tektonPod({ ...more, annotations: Object.fromEntries(prefixed) })
}

export function parsePod(object: unknown): AdmittedPod {
  return present(parseAdmittedPod(object))
}

function initContainers() {
  const bin = { name: 'tekton-internal-bin', mountPath: '/tekton/bin' }
  return [
    {
      name: 'prepare',
      image: 'entrypoint',
      command: ['/ko-app/entrypoint', 'init', '/ko-app/entrypoint', '/tekton/bin/entrypoint', 'step-rollout'],
      workingDir: '/',
      resources: {},
      volumeMounts: [bin, { name: 'tekton-internal-steps', mountPath: '/tekton/steps' }],
      securityContext,
    },
    {
      name: 'place-scripts',
      image: 'busybox',
      command: ['sh'],
      args: ['-c', 'scriptfile="/tekton/scripts/script-0"'],
      resources: {},
      volumeMounts: [{ name: 'tekton-internal-scripts', mountPath: '/tekton/scripts' }, bin],
      securityContext,
    },
    {
      name: 'working-dir-initializer',
      image: 'workingdirinit',
      command: ['/ko-app/workingdirinit'],
      args: ['/workspace/source'],
      workingDir: '/workspace',
      resources: {},
      volumeMounts: implicitMounts,
      securityContext,
    },
  ]
}

function native(containers: readonly object[]) {
  return containers.map((container) => ({ ...container, restartPolicy: 'Always' }))
}

function stepContainer({ name, volumeMounts, ...rest }: Part, index: number, count: number) {
  const own = Array.isArray(volumeMounts) ? volumeMounts : []
  return {
    image: 'curlimages/curl',
    command: ['/tekton/bin/entrypoint'],
    args: ['-wait_file', '/tekton/downward/ready', '-entrypoint', `/tekton/scripts/script-${index}`, '--'],
    resources: {},
    terminationMessagePath: '/tekton/termination',
    ...rest,
    name: `step-${name === '' ? `unnamed-${index}` : name}`.slice(0, 63),
    volumeMounts: [
      ...own,
      { name: `tekton-creds-init-home-${index}`, mountPath: '/tekton/creds' },
      ...Array.from({ length: count }, (_, i) => ({
        name: `tekton-internal-run-${i}`,
        mountPath: `/tekton/run/${i}`,
        ...(i === index ? {} : { readOnly: true }),
      })),
      { name: 'tekton-internal-bin', mountPath: '/tekton/bin', readOnly: true },
      ...implicitMounts,
    ],
  }
}
