import { z } from 'zod'
import { type TokenApprovalSpec, tokenApprovalSpec } from '../../core/crd/token-approval.ts'
import type { KubeObject } from '../../core/io/kube/api.ts'

/** A TokenApproval as the API server showed it last. */
export interface SeenApproval {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation: number
  readonly createdAt: Date
  readonly spec: TokenApprovalSpec
  /** What was last written into its status; shown to people, and never believed. */
  readonly shown: ShownCondition | undefined
}

const condition = z.object({
  type: z.literal('Decided'),
  status: z.string(),
  reason: z.string(),
  message: z.string(),
  lastTransitionTime: z.string(),
})

export type ShownCondition = z.output<typeof condition>

const status = z.object({ conditions: z.array(z.unknown()).optional() })

/** @throws ZodError for an object that no admission would let in today: it then counts as absent */
export function parseApproval({ metadata, spec, status: written }: KubeObject): SeenApproval {
  const { name, namespace = '', uid, resourceVersion, generation = 1, creationTimestamp = '' } = metadata
  const conditions = status.safeParse(written ?? {}).data?.conditions ?? []
  return {
    name,
    namespace,
    uid,
    resourceVersion,
    generation,
    createdAt: new Date(creationTimestamp),
    spec: tokenApprovalSpec.parse(spec),
    shown: conditions.flatMap((one) => condition.safeParse(one).data ?? [])[0],
  }
}
