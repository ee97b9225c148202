import { z } from 'zod'
import { type AdmittedPod, parseAdmittedPod } from './admitted-pod.ts'

const review = z.object({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.object({
    uid: z.string().min(1).max(128),
    operation: z.string(),
    resource: z.object({ group: z.string(), version: z.string(), resource: z.string() }),
    subResource: z.string().nullish(),
    namespace: z.string().nullish(),
    object: z.unknown(),
    oldObject: z.unknown().optional(),
    userInfo: z.unknown(),
  }),
})

export type ReviewRequest = z.output<typeof review>['request']

/** @returns undefined for what is no `AdmissionReview` of version v1 with a question */
export function reviewOf(body: unknown): ReviewRequest | undefined {
  return review.safeParse(body).data?.request
}

/** A question of the API server about a pod that is to be made. */
export interface PodAdmission {
  readonly uid: string
  readonly namespace: string
  readonly pod: AdmittedPod
}

export type ReadReview =
  | { readonly kind: 'pod'; readonly admission: PodAdmission }
  /** About something else: not ours to judge, whatever a configuration sends here. */
  | { readonly kind: 'other'; readonly uid: string }
  | { readonly kind: 'malformed' }

/** Reads the body of an `AdmissionReview` of version v1. @see https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/ */
export function readReview(body: unknown): ReadReview {
  const request = reviewOf(body)
  if (request === undefined) return { kind: 'malformed' }
  const { uid, resource, operation, subResource, namespace } = request
  const isPod = resource.group === '' && resource.version === 'v1' && resource.resource === 'pods'
  if (!isPod || operation !== 'CREATE' || subResource) return { kind: 'other', uid }
  const pod = parseAdmittedPod(request.object)
  return pod === undefined || !namespace ? { kind: 'malformed' } : { kind: 'pod', admission: { uid, namespace, pod } }
}

/** What is to become of the object. */
export type ReviewVerdict =
  | { readonly kind: 'untouched' }
  | { readonly kind: 'injected' | 'stamped'; readonly patch: readonly object[] }
  | { readonly kind: 'refused'; readonly sentence: string }

/** The answer, for the same `uid`. */
export function reviewAnswer(uid: string, verdict: ReviewVerdict): object {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, ...responseOf(verdict) } }
}

function responseOf(verdict: ReviewVerdict): object {
  switch (verdict.kind) {
    case 'untouched':
      return { allowed: true }
    case 'injected':
    case 'stamped': {
      const patch = Buffer.from(JSON.stringify(verdict.patch)).toString('base64')
      return { allowed: true, patchType: 'JSONPatch', patch }
    }
    case 'refused':
      // Tekton takes the message over into the condition of the TaskRun, which fails at once.
      return { allowed: false, status: { code: 403, reason: 'Forbidden', message: verdict.sentence } }
  }
}
