import { z } from 'zod'

/** Read only where we look: what is not named here goes back to the API server as it came. */
const container = z.looseObject({
  name: z.string(),
  restartPolicy: z.string().nullish(),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().nullish() })).nullish(),
  volumeMounts: z
    .array(
      z.looseObject({
        name: z.string(),
        mountPath: z.string(),
        subPath: z.string().nullish(),
        readOnly: z.boolean().nullish(),
      }),
    )
    .nullish(),
  ports: z.array(z.looseObject({ containerPort: z.int() })).nullish(),
})

const volume = z.looseObject({
  name: z.string(),
  hostPath: z.looseObject({ path: z.string() }).nullish(),
  projected: z
    .looseObject({
      sources: z
        .array(z.looseObject({ serviceAccountToken: z.looseObject({ audience: z.string().nullish() }).nullish() }))
        .nullish(),
    })
    .nullish(),
})

const owner = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  name: z.string(),
  uid: z.string(),
  controller: z.boolean().nullish(),
})

const pod = z.looseObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Pod'),
  metadata: z.looseObject({
    name: z.string().nullish(),
    labels: z.record(z.string(), z.string()).nullish(),
    annotations: z.record(z.string(), z.string()).nullish(),
    ownerReferences: z.array(owner).nullish(),
  }),
  spec: z.looseObject({
    initContainers: z.array(container).nullish(),
    containers: z.array(container).min(1),
    volumes: z.array(volume).nullish(),
    hostNetwork: z.boolean().nullish(),
    hostPID: z.boolean().nullish(),
    shareProcessNamespace: z.boolean().nullish(),
    nodeSelector: z.record(z.string(), z.string()).nullish(),
    os: z.looseObject({ name: z.string() }).nullish(),
  }),
})

/** A pod on its way into the cluster, as an admission request holds it. */
export type AdmittedPod = z.output<typeof pod>
export type PodContainer = AdmittedPod['spec']['containers'][number]

/** @returns undefined when the object is no Pod */
export function parseAdmittedPod(object: unknown): AdmittedPod | undefined {
  return pod.safeParse(object).data
}

/** The TaskRun that made the pod, as the pod itself says; undefined for pods of anybody else. */
export function owningTaskRun({ metadata }: AdmittedPod): { readonly name: string; readonly uid: string } | undefined {
  const found = metadata.ownerReferences?.find((one) => one.controller === true)
  return found?.apiVersion === 'tekton.dev/v1' && found.kind === 'TaskRun' ? found : undefined
}

/** Init containers first, as they run. */
export function allContainers({ spec }: AdmittedPod): readonly PodContainer[] {
  return [...(spec.initContainers ?? []), ...spec.containers]
}
