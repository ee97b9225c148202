import type { Workload } from '../core/identity/workload.ts'
import type { ExchangeRequest } from '../core/oauth/exchange-request.ts'
import { Problem } from '../core/problem.ts'
import type { RateLimit } from '../core/rate-limit.ts'
import { type AllowedCaller, isSameAccount } from './callers.ts'
import type { VerifyWorkload } from './identity/verify.ts'
import type { Requester } from './known.ts'

interface Deps {
  readonly verify: VerifyWorkload
  readonly controller: AllowedCaller | undefined
  readonly isWithinPodRate: RateLimit
  readonly isWithinNamespaceRate: RateLimit
}

export type IdentifyRequester = (request: ExchangeRequest, signal: AbortSignal) => Promise<Requester>

/**
 * Who asks: a pod by its own token, or an actor by its own token for a CustomRun. Both get the same verification; that
 * the actor is the controller is judged later, so that an attempt by anybody else is recorded under its name.
 *
 * @throws Problem `rate_limited`, but never for the controller, which asks for many runs
 */
export function createIdentifyRequester(deps: Deps): IdentifyRequester {
  function requireRate(workload: Workload): void {
    if (isSameAccount(workload, deps.controller)) return
    const isWithinRate =
      deps.isWithinPodRate(`${workload.cluster} ${workload.pod.uid}`) &&
      deps.isWithinNamespaceRate(`${workload.cluster} ${workload.namespace}`)
    if (!isWithinRate) throw new Problem('rate_limited')
  }

  return async function identifyRequester({ subject }, signal) {
    if (subject.kind === 'pod') {
      const workload = await deps.verify(subject.token, signal)
      requireRate(workload)
      return { kind: 'pod', workload }
    }
    const workload = await deps.verify(subject.actorToken, signal).catch((cause) => {
      if (!(cause instanceof Problem) || cause.row.outcome === 'failed') throw cause
      throw new Problem('actor_token_refused', { detail: cause.reason, cause })
    })
    requireRate(workload)
    return { kind: 'customrun', workload, reference: subject.reference }
  }
}
