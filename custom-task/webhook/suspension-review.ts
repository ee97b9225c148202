import { z } from 'zod'
import { reviewOf } from './admission-review.ts'
import type { Suspension } from './suspension-stamp.ts'

const suspendable = z.object({
  metadata: z.object({ annotations: z.record(z.string(), z.string()).nullish() }),
  spec: z.object({ suspend: z.boolean().nullish() }),
})

const userInfo = z.object({ username: z.string().min(1) })

const kinds: ReadonlySet<string> = new Set(['tokenpolicies', 'clustertokenpolicies', 'clustertokenproviders'])

export type ReadSuspensionReview =
  | { readonly kind: 'suspension'; readonly uid: string; readonly suspension: Suspension }
  /** About something else, or `spec.suspend` stays as it is: not ours to stamp. */
  | { readonly kind: 'other'; readonly uid: string }
  | { readonly kind: 'malformed' }

/** Reads an `AdmissionReview` about a policy or provider that somebody suspends, or lets go on. */
export function readSuspensionReview(body: unknown): ReadSuspensionReview {
  const request = reviewOf(body)
  if (request === undefined) return { kind: 'malformed' }
  const { uid, resource, operation, subResource } = request
  const isOurs = resource.group === 'tokenbroker.dev' && kinds.has(resource.resource) && !subResource
  if (!isOurs || !(operation === 'CREATE' || operation === 'UPDATE')) return { kind: 'other', uid }
  const object = suspendable.safeParse(request.object).data
  const before = suspendable.safeParse(request.oldObject).data
  const user = userInfo.safeParse(request.userInfo).data
  if (object === undefined || user === undefined || (operation === 'UPDATE' && before === undefined)) {
    return { kind: 'malformed' }
  }
  if ((object.spec.suspend ?? false) === (before?.spec.suspend ?? false)) return { kind: 'other', uid }
  return { kind: 'suspension', uid, suspension: { annotations: object.metadata.annotations, by: user.username } }
}
