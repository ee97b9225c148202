import type { ProviderAgents } from '../crd/agent-fields.ts'
import { runObject } from '../identity/run.ts'
import { serviceAccountUser } from '../identity/workload.ts'
import type { AgentFacts, Facts, PolicyFacts, Provider } from './allowance.ts'

/** By what somebody is an agent; one of them is enough. */
export interface AgentNames {
  /** `<namespace>/<name>`. */
  readonly serviceAccounts?: readonly string[] | undefined
  readonly groups?: readonly string[] | undefined
  readonly initiators?: readonly string[] | undefined
}

type Who = Pick<Facts, 'subject' | 'run'>

/**
 * Whether a request is that of an agent: by a ServiceAccount that the token is for, or by who made the run, with a name
 * or with a group that Kubernetes gives to ServiceAccounts. Where agents are named, a run of which nobody knows who made
 * it is that of one: else an agent has only to keep the webhook busy while it makes one.
 */
export function isNamedAgent(names: AgentNames, { subject, run }: Who): boolean {
  const { serviceAccounts, groups, initiators } = names
  if (!serviceAccounts?.length && !groups?.length && !initiators?.length) return false
  if (isMadeByNobodyKnown(run)) return true
  const makers = makersOf(run)
  if (makers.some((user) => initiators?.includes(user))) return true
  const users = subject.serviceAccounts.map((name) => serviceAccountUser(subject.namespace, name))
  return [...users, ...makers].some((user) => {
    const account = serviceAccountOf(user)
    if (account === undefined) return false
    return (
      serviceAccounts?.includes(`${account.namespace}/${account.name}`) ||
      groups?.some((group) => isGroupOf(group, account.namespace))
    )
  })
}

/** Whether there is a run, and nothing says who made it. */
export function isMadeByNobodyKnown(run: Facts['run']): boolean {
  return runObject(run) !== undefined && makersOf(run).length === 0
}

/** Both: that an event names a person takes nothing away from what is said of its EventListener. */
function makersOf({ initiator, maker }: Facts['run']): readonly string[] {
  return [initiator?.username, maker].filter((user) => user !== undefined)
}

/** Why the request is that of an agent under one policy; undefined where nobody says so. Every voice only restricts. */
export function agentUnder(
  { agent, subject, run }: Pick<Facts, 'agent' | 'subject' | 'run'>,
  { policy, provider }: Pick<PolicyFacts, 'policy'> & { readonly provider: Provider },
): AgentFacts | undefined {
  if (agent !== undefined) return agent
  const { agents: ofProvider } = provider.spec.limits
  if (ofProvider !== undefined && isNamedAgent(ofProvider, { subject, run })) return { namedBy: 'provider' }
  const { agents: ofPolicy } = policy.spec
  if (ofPolicy !== undefined && isNamedAgent(inNamespace(ofPolicy, policy.namespace), { subject, run })) {
    return { namedBy: 'policy' }
  }
  if (run.event?.fields['isBot'] === true) return { namedBy: 'event' }
  return run.isMarkedAgent ? { namedBy: 'annotation' } : undefined
}

/** Whether the run itself says so, or its event: whoever starts it could have left that out, or put it there. */
export function isNamedByRun({ namedBy }: AgentFacts): boolean {
  return namedBy === 'event' || namedBy === 'annotation'
}

/** The blocks that narrow what agents get: of the policy, and of its provider under every policy. */
export function agentBlocks({
  policy,
  provider,
}: Pick<PolicyFacts, 'policy'> & { readonly provider: Provider }): readonly AgentBlock[] {
  return [policy.spec.agents, provider.spec.limits.agents].filter((block) => block !== undefined)
}

type AgentBlock = Pick<ProviderAgents, 'approval' | 'ttl' | 'scopes' | 'budgetPerRun' | 'budgetPerHour'>

/** A policy names ServiceAccounts of its own namespace only. */
function inNamespace({ serviceAccounts, groups, initiators }: AgentNames, namespace: string): AgentNames {
  return { serviceAccounts: serviceAccounts?.map((name) => `${namespace}/${name}`), groups, initiators }
}

const accountUser = /^system:serviceaccount:([^:]+):([^:]+)$/

function serviceAccountOf(user: string): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace, name] = accountUser.exec(user) ?? []
  return namespace === undefined || name === undefined ? undefined : { namespace, name }
}

/** @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens */
function isGroupOf(group: string, namespace: string): boolean {
  return (
    group === `system:serviceaccounts:${namespace}` ||
    group === 'system:serviceaccounts' ||
    group === 'system:authenticated'
  )
}
