import { z } from 'zod'
import type { KubeObject } from '../../core/io/kube/api.ts'
import { controllerOf, list, metadata, optional, time } from '../../core/tekton/fields.ts'
import { type MissingToken, readGateMessage } from '../gate-message.ts'

/** A pod that ended because its gate did not open, or that failed without a token that could not be renewed. */
export interface RefusedPod {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** The TaskRun that made the pod, as the pod itself says: to be held against the TaskRun. */
  readonly taskRun: { readonly name: string; readonly uid: string }
  /** As gate or sidecar wrote it; anybody who may make a pod may make one that says this. */
  readonly missing: readonly MissingToken[]
  readonly endedAt: Date
}

/** What the webhook calls them; the webhook is a room of its own. */
const gate = 'tokenbroker-gate'
const sidecar = 'tokenbroker'

const pod = z.object({
  apiVersion: z.literal('v1'),
  kind: z.literal('Pod'),
  metadata,
  status: z.object({
    phase: z.literal('Failed'),
    initContainerStatuses: list(
      z.object({
        name: z.string(),
        state: optional(
          z.object({
            terminated: optional(
              z.object({ exitCode: z.int(), message: optional(z.string()), finishedAt: optional(time) }),
            ),
          }),
        ),
      }),
    ),
  }),
})

/** @returns undefined for every other pod; nothing else of it is kept */
export function readRefusedPod(object: KubeObject): RefusedPod | undefined {
  const parsed = pod.safeParse(object).data
  const ended = (name: string) =>
    parsed?.status.initContainerStatuses.find((one) => one.name === name)?.state?.terminated
  const atGate = ended(gate)
  // Behind a gate that opened it is the sidecar that knows what ended later.
  const terminated = atGate?.exitCode === 0 ? ended(sidecar) : atGate
  if (parsed === undefined || terminated?.finishedAt === undefined) return undefined
  const owner = controllerOf(parsed.metadata)
  if (owner?.apiVersion !== 'tekton.dev/v1' || owner.kind !== 'TaskRun') return undefined
  const missing = readGateMessage(terminated.message ?? '')
  if (missing.length === 0) return undefined
  const { namespace, name, uid } = parsed.metadata
  const taskRun = { name: owner.name, uid: owner.uid }
  return { namespace, name, uid, taskRun, missing, endedAt: terminated.finishedAt }
}
