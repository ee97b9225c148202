import { z } from 'zod'
import { type AdmittedPod, parseAdmittedPod } from './admitted-pod.ts'
import type { Mutation } from './mutate.ts'

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
  }),
})

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
  const request = review.safeParse(body).data?.request
  if (request === undefined) return { kind: 'malformed' }
  const { uid, resource, operation, subResource, namespace } = request
  const isPod = resource.group === '' && resource.version === 'v1' && resource.resource === 'pods'
  if (!isPod || operation !== 'CREATE' || subResource) return { kind: 'other', uid }
  const pod = parseAdmittedPod(request.object)
  return pod === undefined || !namespace ? { kind: 'malformed' } : { kind: 'pod', admission: { uid, namespace, pod } }
}

/** The answer, for the same `uid`. */
export function reviewAnswer(uid: string, mutation: Mutation): object {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, ...verdict(mutation) } }
}

function verdict(mutation: Mutation): object {
  switch (mutation.kind) {
    case 'untouched':
      return { allowed: true }
    case 'injected': {
      const patch = Buffer.from(JSON.stringify(mutation.patch)).toString('base64')
      return { allowed: true, patchType: 'JSONPatch', patch }
    }
    case 'refused':
      // Tekton takes the message over into the condition of the TaskRun, which fails at once.
      return { allowed: false, status: { code: 403, reason: 'Forbidden', message: mutation.sentence } }
  }
}
