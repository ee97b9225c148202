import type { Clock } from '../core/clock.ts'
import type { KubeClient } from '../core/io/kube/api.ts'
import { isRefusal } from '../core/io/kube/refusal.ts'

/** How long a refusal is told: as long as requests come, there is a newer one. */
const toldForMs = 30_000

/** What the API server refused the broker itself. */
export interface Refusals {
  /** The same client, whose reviews are listened to. */
  readonly kube: KubeClient
  /** Reviews that were refused in the last 30 s and not answered since, such as `TokenReview (403)`. */
  recent(): readonly string[]
}

/** Listens to the two questions of every exchange, so that readiness can say what keeps it from working. */
export function listenForRefusals(kube: KubeClient, clock: Clock): Refusals {
  const last = new Map<string, { readonly status: number; readonly atMs: number }>()

  async function listen<T>(call: string, asking: Promise<T>): Promise<T> {
    try {
      const answer = await asking
      last.delete(call)
      return answer
    } catch (error) {
      if (isRefusal(error)) last.set(call, { status: error.status, atMs: clock().getTime() })
      throw error
    }
  }

  return Object.freeze({
    kube: Object.freeze({
      ...kube,
      tokenReview: (...asked: Parameters<KubeClient['tokenReview']>) =>
        listen('TokenReview', kube.tokenReview(...asked)),
      subjectAccessReview: (...asked: Parameters<KubeClient['subjectAccessReview']>) =>
        listen('SubjectAccessReview', kube.subjectAccessReview(...asked)),
    }),
    recent() {
      const now = clock().getTime()
      const told = [...last].filter(([, { atMs }]) => Math.abs(now - atMs) < toldForMs)
      return told.map(([call, { status }]) => `${call} (${status})`)
    },
  })
}
