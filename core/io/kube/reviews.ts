import { z } from 'zod'
import type { Secret } from '../../secret.ts'
import type { AccessReviewRequest, AccessReviewResult, KubeClient, TokenReviewResult } from './api.ts'
import { KubeUnreachable } from './failure.ts'
import type { Transport } from './transport.ts'

const tokenReviewPath = '/apis/authentication.k8s.io/v1/tokenreviews'
const accessReviewPath = '/apis/authorization.k8s.io/v1/subjectaccessreviews'

/** On the way of every exchange: the next try is worth more than a long wait for this one. */
const limits = { method: 'POST', isRead: true, maxBytes: 256 * 1024, timeoutMs: 3000 } as const

/** The questions that the API server answers. They change nothing, so they are retried as reads are. */
export function createReviews(transport: Transport): Pick<KubeClient, 'tokenReview' | 'subjectAccessReview'> {
  return {
    async tokenReview(token: Secret, audience: string, signal: AbortSignal): Promise<TokenReviewResult> {
      const call = { ...limits, path: tokenReviewPath, body: tokenReviewBody(token, audience) }
      return readTokenReview(await transport.call(call, signal))
    },
    async subjectAccessReview(request: AccessReviewRequest, signal: AbortSignal): Promise<AccessReviewResult> {
      const call = { ...limits, path: accessReviewPath, body: accessReviewBody(request) }
      return readAccessReview(await transport.call(call, signal))
    },
  }
}

const strings = z.array(z.string()).nullish()

const tokenReview = z.object({
  status: z.object({
    authenticated: z.boolean().nullish(),
    audiences: strings,
    error: z.string().nullish(),
    user: z
      .object({
        username: z.string().nullish(),
        uid: z.string().nullish(),
        groups: strings,
        extra: z.record(z.string(), strings).nullish(),
      })
      .nullish(),
  }),
})

const accessReview = z.object({
  status: z.object({
    allowed: z.boolean().nullish(),
    denied: z.boolean().nullish(),
    reason: z.string().nullish(),
    evaluationError: z.string().nullish(),
  }),
})

/** Body of a TokenReview: the edge where a subject token goes to the API server. */
function tokenReviewBody(token: Secret, audience: string): string {
  return JSON.stringify({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token: token.reveal(), audiences: [audience] },
  })
}

/** @throws KubeUnreachable for an answer that is no TokenReview */
function readTokenReview(body: unknown): TokenReviewResult {
  const parsed = tokenReview.safeParse(body)
  if (!parsed.success) throw new KubeUnreachable(`POST ${tokenReviewPath} was answered with something else`)
  const { status } = parsed.data
  const extra = Object.entries(status.user?.extra ?? {}).map(([name, values]) => [name, values ?? []])
  return {
    isAuthenticated: status.authenticated === true,
    audiences: status.audiences ?? [],
    user: {
      username: status.user?.username ?? '',
      uid: status.user?.uid ?? '',
      groups: status.user?.groups ?? [],
      extra: Object.fromEntries(extra),
    },
    error: status.error || undefined,
  }
}

/** Body of a SubjectAccessReview. */
function accessReviewBody(request: AccessReviewRequest): string {
  const { user, uid, groups, extra, namespace, verb, group, resource, name } = request
  return JSON.stringify({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user, uid, groups, extra, resourceAttributes: { namespace, verb, group, resource, name } },
  })
}

/** @throws KubeUnreachable for an answer that is no SubjectAccessReview */
function readAccessReview(body: unknown): AccessReviewResult {
  const parsed = accessReview.safeParse(body)
  if (!parsed.success) throw new KubeUnreachable(`POST ${accessReviewPath} was answered with something else`)
  const { allowed, denied, reason, evaluationError } = parsed.data.status
  return {
    isAllowed: allowed === true && denied !== true && !evaluationError,
    reason: evaluationError || reason || '',
  }
}
