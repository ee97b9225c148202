import { z } from 'zod'
import { resources } from '../../../core/io/kube/api.ts'
import { components, labelsOf } from './installation.ts'
import { MayNotLook, type Site } from './site.ts'

const containers = z
  .array(z.object({ ready: z.boolean().default(false), restartCount: z.number().default(0) }))
  .catch([])
  .default([])
const podStatus = z.object({ containerStatuses: containers })

/**
 * Names of the chart's pods whose container started again and is not ready (CrashLoopBackOff); none where the person may
 * not list pods.
 *
 * @throws KubeError, KubeUnreachable
 */
export async function restartingPods(site: Site): Promise<readonly string[]> {
  const pods = await site.objects(resources.pods, site.namespace).catch((error: unknown) => {
    if (error instanceof MayNotLook) return []
    throw error
  })
  return pods.flatMap((pod) => {
    const labels = labelsOf(pod)
    const isOurs = components.some((component) => labels['app.kubernetes.io/component'] === component)
    const statuses = podStatus.safeParse(pod.status).data?.containerStatuses ?? []
    return isOurs && statuses.some(({ ready, restartCount }) => !ready && restartCount > 0) ? [pod.metadata.name] : []
  })
}
