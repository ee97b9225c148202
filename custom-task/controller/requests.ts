import { parseTokenExchangeParams, type TokenExchangeParams } from '../../core/tekton/token-exchange-params.ts'
import type { AuthorizeRequest } from './broker.ts'
import type { Observed } from './observed.ts'

/** What the broker is asked for: one request for each policy, in the order of the params. */
export function requestsOf(observed: Pick<Observed, 'customRun'>): readonly AuthorizeRequest[] {
  const { name, namespace, uid } = observed.customRun.metadata
  const { policies, audience, scopes, ttlSeconds, isDryRun } = paramsOf(observed)
  const named: readonly (string | undefined)[] = policies.length === 0 ? [undefined] : policies
  return named.map((policy) => ({
    customRun: { namespace, name, uid },
    policy,
    audience,
    scope: scopes,
    requestedExpirySeconds: ttlSeconds,
    isDryRun,
  }))
}

/** @throws TypeError for params that were not judged before they are used */
export function paramsOf({ customRun }: Pick<Observed, 'customRun'>): TokenExchangeParams {
  const params = parseTokenExchangeParams(customRun)
  if (!params.ok) throw new TypeError('params are judged before they are used')
  return params.value
}
