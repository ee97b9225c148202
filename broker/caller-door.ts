import type { AuditRequest } from '../core/audit/event.ts'
import type { Workload } from '../core/identity/workload.ts'
import { Problem } from '../core/problem.ts'
import type { RateLimit } from '../core/rate-limit.ts'
import { type Answer, countedAnswer } from './answer.ts'
import { type AllowedCaller, authenticateCaller, isSameAccount } from './callers.ts'
import type { CountRefusal } from './counting.ts'
import { asProblem } from './exchange.ts'
import type { CallerEndpoint } from './http/token-app.ts'
import type { VerifyWorkload } from './identity/verify.ts'

interface Deps {
  readonly verify: VerifyWorkload
  /** Accounts of the configuration that may ask as often as they like: the controller, introspecting services. */
  readonly unlimited: readonly AllowedCaller[]
  readonly isWithinPodRate: RateLimit
  readonly isWithinNamespaceRate: RateLimit
  readonly count: CountRefusal
  readonly onError: (problem: Problem) => void
}

/** What an endpoint does for a caller that proved who it is. */
export type ServeCaller = (
  caller: Workload,
  incoming: { readonly body: string; readonly peerAddress: string | undefined },
  signal: AbortSignal,
) => Promise<Answer>

export type CallerDoor = (door: AuditRequest['door'], serve: ServeCaller) => CallerEndpoint

/**
 * The way into every endpoint beside the exchange: the caller proves itself, keeps to the rate that holds for its pod
 * and namespace at all doors together, and is refused under its own name: refusals are recorded in sum, one record for
 * each caller, door and reason in a window.
 */
export function createCallerDoor(deps: Deps): CallerDoor {
  function requireRate(caller: Workload): void {
    if (deps.unlimited.some((one) => isSameAccount(caller, one))) return
    const isWithinRate =
      deps.isWithinPodRate(`${caller.cluster} ${caller.pod.uid}`) &&
      deps.isWithinNamespaceRate(`${caller.cluster} ${caller.namespace}`)
    if (!isWithinRate) throw new Problem('rate_limited')
  }

  return (door, serve) =>
    async function callerEndpoint({ body, authorization, peerAddress }, signal) {
      const caller = await authenticateCaller(authorization, deps.verify, signal)
      try {
        requireRate(caller)
        return await serve(caller, { body, peerAddress }, signal)
      } catch (cause) {
        const problem = asProblem(cause)
        deps.onError(problem)
        return countedAnswer(problem, deps.count(door, problem.reason, caller))
      }
    }
}
