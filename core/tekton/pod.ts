import { z } from 'zod'
import { list, metadata, optional } from './fields.ts'

const container = z.object({ name: z.string(), image: optional(z.string()) })

const pod = z.object({
  apiVersion: z.literal('v1'),
  kind: z.literal('Pod'),
  metadata,
  spec: z.object({
    serviceAccountName: optional(z.string()),
    nodeName: optional(z.string()),
    containers: list(container),
    initContainers: list(container),
    ephemeralContainers: list(z.object({ name: optional(z.string()) })),
  }),
  status: z
    .object({
      phase: optional(z.string()),
      podIP: optional(z.string()),
      podIPs: list(z.object({ ip: optional(z.string()) })),
    })
    .prefault({}),
})

/** The fields of a Pod that we use, in Kubernetes' names. */
export type Pod = z.output<typeof pod>

/** @returns undefined when the object is no Pod */
export function parsePod(object: unknown): Pod | undefined {
  return pod.safeParse(object).data
}

/** Every address of the pod, of either family. */
export function podAddresses({ status }: Pod): readonly string[] {
  const all = [status.podIP, ...status.podIPs.map((one) => one.ip)]
  return [...new Set(all.filter((ip): ip is string => ip !== undefined && ip !== ''))]
}

/** A pod that finished or is being deleted runs no step any more. */
export function hasPodEnded({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined || status.phase === 'Succeeded' || status.phase === 'Failed'
}
