import type { Run } from '../core/identity/run.ts'
import type { Workload } from '../core/identity/workload.ts'
import type { ExchangeRequest } from '../core/oauth/exchange-request.ts'
import type { Facts, Policy, PolicyFacts, PolicySubject } from '../core/policy/allowance.ts'
import { askedScopes, candidatePolicies } from '../core/policy/candidates.ts'
import { matchesSomeScope } from '../core/policy/scope-pattern.ts'
import { Problem } from '../core/problem.ts'
import { type AllowedCaller, isSameAccount } from './callers.ts'
import { type CustomRunFacts, requireAskedByCustomRun } from './identity/walk-custom-run.ts'
import type { Delegation, Gathered, Requester } from './known.ts'
import type { PolicyStore } from './policy/policy-store.ts'
import type { AskScopeAccess } from './policy/scope-access.ts'

/** What one cluster can be asked; each part made by its own room. */
export interface ClusterFacts {
  readonly policies: PolicyStore
  readonly askScopeAccess: AskScopeAccess
  /** @param peerAddress where the request came from */
  walkPod(workload: Workload, peerAddress: string | undefined, signal: AbortSignal): Promise<Run>
  walkCustomRun(
    reference: Extract<Requester, { kind: 'customrun' }>['reference'],
    signal: AbortSignal,
  ): Promise<CustomRunFacts>
}

/** No request may make the broker ask more RBAC questions than this. */
const maxQuestions = 256

export type Gather = (
  request: ExchangeRequest,
  requester: Requester,
  peerAddress: string | undefined,
  signal: AbortSignal,
) => Promise<Gathered>

/**
 * Collects all that a decision rests on, by cluster name. Policies are those of the subject's own namespace: no
 * parameter can name another.
 *
 * @throws Problem `actor_not_allowed` for anybody but the controller who names a CustomRun; `kubernetes_unavailable` while
 *   policies have not been listed yet
 */
export function createGather(
  clusters: ReadonlyMap<string, ClusterFacts>,
  controller: AllowedCaller | undefined,
): Gather {
  return async function gather(request, requester, peerAddress, signal) {
    if (requester.kind === 'customrun' && !isSameAccount(requester.workload, controller)) {
      throw new Problem('actor_not_allowed', { detail: 'the actor is not the controller' })
    }
    const cluster = clusters.get(requester.workload.cluster)
    if (!cluster?.policies.isSynced()) {
      throw new Problem('kubernetes_unavailable', { detail: 'policies have not been listed yet' })
    }
    return requester.kind === 'pod'
      ? await gatherForPod(request, { workload: requester.workload, peerAddress }, cluster, signal)
      : await gatherForCustomRun(request, requester, cluster, signal)
  }
}

async function gatherForPod(
  request: ExchangeRequest,
  { workload, peerAddress }: { readonly workload: Workload; readonly peerAddress: string | undefined },
  cluster: ClusterFacts,
  signal: AbortSignal,
): Promise<Gathered> {
  const run = await cluster.walkPod(workload, peerAddress, signal)
  const serviceAccount = workload.serviceAccount.name
  const { cluster: name, namespace } = workload
  const namespaceLabels = cluster.policies.namespaceLabels(namespace)
  const subject = { cluster: name, namespace, namespaceLabels, serviceAccounts: [serviceAccount] }
  const into = run.task === undefined ? [] : [{ task: run.task, serviceAccount }]
  return { facts: await completeFacts(request, subject, run, cluster), into }
}

async function gatherForCustomRun(
  request: ExchangeRequest,
  { workload, reference }: Extract<Requester, { kind: 'customrun' }>,
  cluster: ClusterFacts,
  signal: AbortSignal,
): Promise<Gathered> {
  const found = await cluster.walkCustomRun(reference, signal)
  requireAskedByCustomRun(request, found)
  const { namespace } = reference
  const { serviceAccounts } = found
  const namespaceLabels = cluster.policies.namespaceLabels(namespace)
  const subject = { cluster: workload.cluster, namespace, namespaceLabels, serviceAccounts }
  const { deliver, isDryRun } = found.params
  const facts = await completeFacts(request, subject, found.run, cluster, deliver)
  return { facts, into: found.into, delegation: { deliver, isDryRun, isDone: found.isDone } }
}

async function completeFacts(
  { policy, audience, scopes, requestedExpirySeconds }: ExchangeRequest,
  subject: PolicySubject,
  run: Run,
  cluster: ClusterFacts,
  deliver?: Delegation['deliver'],
): Promise<Facts> {
  const asked = { policy, audience, scopes, requestedExpirySeconds }
  const request = deliver === 'secret' ? { ...asked, deliver } : asked
  const { policies } = cluster
  const isSuspended = (account: string) => policies.isAccountSuspended?.(subject.namespace, account) ?? false
  const suspendedAccounts = subject.serviceAccounts.filter(isSuspended)
  const candidates = candidatePolicies(policies.policies(subject.namespace), request)
  const questions = candidates.reduce((sum, one) => sum + askedScopes(one, request).length, 0)
  if (questions * subject.serviceAccounts.length > maxQuestions) {
    throw new Problem('parameter_invalid', { mend: 'Too many policies match this request: name one with policy' })
  }
  return {
    subject: suspendedAccounts.length === 0 ? subject : { ...subject, suspendedAccounts },
    run,
    agent: undefined,
    request,
    candidates: await Promise.all(candidates.map((one) => candidateFacts(one, request, subject, cluster))),
  }
}

async function candidateFacts(
  policy: Policy,
  request: Facts['request'],
  { namespace, serviceAccounts }: PolicySubject,
  { policies, askScopeAccess }: ClusterFacts,
): Promise<PolicyFacts> {
  const provider = policies.provider(policy.spec.providerRef.name)
  const scopes = askedScopes(policy, request)
  // Only scopes that the policy names are asked about: the answer to any other is no already.
  const known = provider === undefined ? [] : scopes.filter((scope) => matchesSomeScope(policy.spec.scopes, scope))
  const questions = serviceAccounts.flatMap((serviceAccount) =>
    known.map((scope) => askScopeAccess({ namespace, serviceAccount, provider: policy.spec.providerRef.name, scope })),
  )
  return { policy, provider, scopes, rbac: await Promise.all(questions) }
}
