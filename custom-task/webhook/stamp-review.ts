import { z } from 'zod'
import { reviewOf } from './admission-review.ts'
import type { NewRun } from './stamp.ts'

const run = z.object({
  metadata: z.object({ annotations: z.record(z.string(), z.string()).nullish() }),
})

const userInfo = z.object({ username: z.string(), uid: z.string().nullish() })

const kinds: ReadonlySet<string> = new Set(['pipelineruns', 'taskruns', 'customruns'])

export type ReadStampReview =
  | { readonly kind: 'run'; readonly uid: string; readonly run: NewRun }
  /** About something else: not ours to stamp, whatever a configuration sends here. */
  | { readonly kind: 'other'; readonly uid: string }
  | { readonly kind: 'malformed' }

/** Reads an `AdmissionReview` about a run of Tekton's that somebody makes. */
export function readStampReview(body: unknown): ReadStampReview {
  const request = reviewOf(body)
  if (request === undefined) return { kind: 'malformed' }
  const { uid, resource, operation, subResource } = request
  const isRun = resource.group === 'tekton.dev' && kinds.has(resource.resource)
  if (!isRun || operation !== 'CREATE' || subResource) return { kind: 'other', uid }
  const object = run.safeParse(request.object).data
  const user = userInfo.safeParse(request.userInfo).data
  if (object === undefined || user === undefined) return { kind: 'malformed' }
  return { kind: 'run', uid, run: { annotations: object.metadata.annotations, user } }
}
