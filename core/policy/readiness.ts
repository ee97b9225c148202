import { formatDuration, parseDuration } from '../duration.ts'
import type { Policy, Provider } from './allowance.ts'
import { maxValidationCost, validationCost } from './compiled-validations.ts'
import { isTtlEnforceable } from './lifetime.ts'
import { selectsNamespace } from './namespace-selection.ts'
import { overlaps } from './scope-pattern.ts'

/** Condition `Ready` of a policy or provider: one word, and one sentence that says the mend. */
export interface Readiness {
  readonly isReady: boolean
  readonly reason: string
  readonly message: string
}

type Labels = Readonly<Record<string, string>>
type Check = (policy: Policy, provider: Provider, labels: Labels | undefined) => Readiness | undefined

/** What is looked at, in this order: the first that is wrong is said. */
const checks: readonly Check[] = [
  audience,
  namespace,
  scopes,
  agents,
  validations,
  suspended,
  lifetime,
  enforceable,
  expiry,
]

/**
 * Whether a policy could ever be granted under, as far as its own text, its provider and its namespace say. A
 * ClusterTokenPolicy has no namespace: whether its provider takes one is said when it is used.
 */
export function policyReadiness(policy: Policy, provider: Provider | undefined, labels?: Labels): Readiness {
  const { name } = policy.spec.providerRef
  if (provider === undefined) {
    const message = `There is no usable ClusterTokenProvider ${name}: create it or change providerRef.`
    return notReady('ProviderNotFound', message)
  }
  for (const check of checks) {
    const wrong = check(policy, provider, labels)
    if (wrong !== undefined) return wrong
  }
  return ready(`Tokens of at most ${formatDuration(ttl(policy, provider))} are issued by ${name}${cost(policy)}.`)
}

export function providerReadiness(provider: Provider): Readiness {
  if (provider.spec.suspend) return notReady('Suspended', 'Nothing is issued: suspend is set.')
  const lost = lostRequirement(provider)
  if (lost !== undefined) {
    return notReady(
      'RequirementMeansNothing',
      `No scope of this provider is meant by ${lost} in limits.require, which then protects nothing: correct it.`,
    )
  }
  const { agents: narrowed } = provider.spec.limits
  return (
    agentsMeanNothing(narrowed?.scopes, provider.spec.scopes, 'limits.agents.scopes of this provider') ??
    ready(issues(provider))
  )
}

function issues({ spec }: Provider): string {
  return `Issues for ${spec.audiences.length} audiences and ${spec.scopes.length} scopes.`
}

/** A requirement with a slip of the pen would let through what it is there to stop. */
function lostRequirement({ spec }: Provider): string | undefined {
  const patterns = (spec.limits.require ?? []).flatMap(({ scopes: meant = [] }) => meant)
  return patterns.find((pattern) => !spec.scopes.some((scope) => overlaps(pattern, scope)))
}

function audience({ spec }: Policy, provider: Provider): Readiness | undefined {
  if (provider.spec.audiences.includes(spec.audience)) return undefined
  return notReady(
    'AudienceNotAtProvider',
    `Provider ${provider.name} does not list this audience: add it there or change audience.`,
  )
}

function namespace({ kind }: Policy, provider: Provider, labels: Labels | undefined): Readiness | undefined {
  if (kind === 'ClusterTokenPolicy' || selectsNamespace(provider.spec.namespaceSelector, labels)) return undefined
  return notReady(
    'NamespaceNotAtProvider',
    `Provider ${provider.name} is not for this namespace: label the namespace as its namespaceSelector says.`,
  )
}

function scopes({ spec }: Policy, provider: Provider): Readiness | undefined {
  const unknown = spec.scopes.filter((scope) => !provider.spec.scopes.some((known) => overlaps(scope, known)))
  if (unknown.length === 0) return undefined
  return notReady(
    'ScopeNotAtProvider',
    `Provider ${provider.name} does not list ${unknown.join(', ')}: add them there or take them out.`,
  )
}

function agents({ spec }: Policy): Readiness | undefined {
  return agentsMeanNothing(spec.agents?.scopes, spec.scopes, 'agents.scopes of this policy')
}

/** Agents would get less than whoever wrote it meant, and nothing would say why before one is refused. */
function agentsMeanNothing(
  patterns: readonly string[] = [],
  scopes: readonly string[],
  where: string,
): Readiness | undefined {
  const lost = patterns.filter((pattern) => !scopes.some((scope) => overlaps(pattern, scope)))
  if (lost.length === 0) return undefined
  return notReady(
    'AgentScopesMeanNothing',
    `Agents get nothing by ${lost.join(', ')} in ${where}, which means none of its scopes: correct it.`,
  )
}

function validations({ validations: all }: Policy): Readiness | undefined {
  const wrong = all.find(({ problem }) => problem !== undefined)
  if (wrong !== undefined) return notReady('ExpressionInvalid', `Validation ${wrong.name}: ${wrong.problem}.`)
  const steps = validationCost(all)
  if (steps <= maxValidationCost) return undefined
  const worst = all.reduce((a, b) => (b.cost > a.cost ? b : a))
  return notReady(
    'ExpressionTooExpensive',
    `Validations may cost ${steps} steps, of which ${worst.name} ${worst.cost}, and at most ${maxValidationCost} go: look at fewer elements or shorter texts.`,
  )
}

function suspended({ spec }: Policy, provider: Provider): Readiness | undefined {
  if (!spec.suspend && !provider.spec.suspend) return undefined
  return notReady('Suspended', 'Nothing is issued: suspend is set on the policy or its provider.')
}

function lifetime(policy: Policy, provider: Provider): Readiness | undefined {
  if (ttl(policy, provider) > 0) return undefined
  return notReady('NoLifetime', 'The ttl of the policy or the limit of its provider is zero: write one such as 5m.')
}

function enforceable(policy: Policy, provider: Provider): Readiness | undefined {
  const { lifetime: found } = provider
  const asked = { ttlSeconds: ttl(policy, provider), allowLongerUpstream: policy.spec.allowLongerUpstream }
  if (found === undefined || isTtlEnforceable(asked, found)) return undefined
  return notReady(
    'TTLNotEnforceable',
    `Provider ${provider.name} cannot issue as short as ttl, nor take tokens back: raise ttl or set allowLongerUpstream.`,
  )
}

function expiry({ spec }: Policy): Readiness | undefined {
  if (spec.approval === undefined || parseDuration(spec.approval.expiresAfter) !== undefined) return undefined
  return notReady(
    'NoTimeToApprove',
    'Nobody can say yes in the time that approval.expiresAfter gives, which is zero: write one such as 30m.',
  )
}

function ttl(policy: Policy, provider: Provider): number {
  return Math.min(parseDuration(policy.spec.ttl) ?? 0, parseDuration(provider.spec.limits.maxTTL) ?? 0)
}

function cost({ validations: all }: Policy): string {
  if (all.length === 0) return ''
  return `; validations cost at most ${validationCost(all)} of ${maxValidationCost} steps`
}

function ready(message: string): Readiness {
  return { isReady: true, reason: 'Ready', message }
}

function notReady(reason: string, message: string): Readiness {
  return { isReady: false, reason, message }
}
