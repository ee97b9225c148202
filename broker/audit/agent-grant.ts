import type { AuditRecord } from '../../core/audit/event.ts'
import type { AgentGrant, Ledger } from './grant-book.ts'
import { runOf } from './read-grant.ts'

/** What two grants have to share for the later one to be a renewal. */
export function holderKey({ holder, run, policyUid, audience, scope }: AgentGrant): string {
  return JSON.stringify([runName({ holder, run }), holder, policyUid, audience, scope.toSorted().join(' ')])
}

export function runName({ holder, run }: Pick<AgentGrant, 'holder' | 'run'>): string {
  return run ?? `pod/${holder}`
}

/** Where a grant is counted: under its policy, and under its provider whatever the policy. */
export const ledgers: readonly Ledger[] = ['policy', 'provider']

export function ledgerKey(ledger: Ledger, { cluster, policyUid, provider }: AgentGrant): string {
  return `${ledger}/${cluster}/${ledger === 'policy' ? policyUid : provider}`
}

/** The grant of a record; undefined for all that is none to an agent. */
export function readAgentGrant({ type, data, ...record }: AuditRecord): AgentGrant | undefined {
  const { subject, policy, token, run, exchange_id: exchangeId } = data
  if (type !== 'dev.tokenbroker.exchange.granted.v1' || data.agent_named_by === undefined) return undefined
  const holder = run?.custom_run_uid ?? subject?.pod_uid
  if (subject === undefined || policy === undefined || token === undefined) return undefined
  if (holder === undefined || exchangeId === undefined) return undefined
  return {
    exchangeId,
    holder,
    run: runOf({ type, data, ...record }),
    cluster: subject.cluster,
    namespace: subject.namespace,
    serviceAccount: subject.service_account,
    policyUid: policy.uid,
    provider: policy.provider,
    audience: token.audience,
    scope: token.scope,
  }
}
