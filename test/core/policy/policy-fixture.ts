import { clusterTokenProviderSpec } from '../../../core/crd/cluster-token-provider.ts'
import { tokenPolicySpec } from '../../../core/crd/token-policy.ts'
import { noRun, type Run } from '../../../core/identity/run.ts'
import type { Facts, Policy, PolicyFacts, Provider, ScopeAccess } from '../../../core/policy/allowance.ts'

/** Objects that allow everything of {@link factsOf}, with what a test wants different laid over. */

export const audience = 'https://deploy.example.com'

export function policyOf(spec: object = {}, name = 'deploy'): Policy {
  return {
    kind: 'TokenPolicy',
    name,
    namespace: 'payments',
    uid: `uid-of-${name}`,
    generation: 3,
    spec: tokenPolicySpec.parse({ audience, scopes: ['deploy:staging', 'deploy:production'], ...spec }),
    validations: [],
  }
}

export function providerOf(spec: object = {}, name = 'builtin'): Provider {
  return {
    name,
    uid: `uid-of-${name}`,
    generation: 2,
    spec: clusterTokenProviderSpec.parse({
      builtin: {},
      audiences: [audience, 'https://other.example.com'],
      scopes: ['deploy:staging', 'deploy:production', 'image:push'],
      ...spec,
    }),
  }
}

/** RBAC that allows the scopes to every account. */
export function accessTo(
  scopes: readonly string[],
  accounts: readonly string[] = ['deployer'],
): readonly ScopeAccess[] {
  return accounts.flatMap((serviceAccount) =>
    scopes.map((scope) => ({ serviceAccount, scope, resourceName: `builtin:${scope}`, isAllowed: true })),
  )
}

export function candidateOf(changes: Partial<PolicyFacts> = {}): PolicyFacts {
  const scopes = changes.scopes ?? ['deploy:staging']
  return { policy: policyOf(), provider: providerOf(), scopes, rbac: accessTo(scopes), ...changes }
}

export const run: Run = {
  ...noRun,
  assurance: 'claimed',
  pipeline: 'release',
  pipelineRun: { name: 'release-1', uid: '11111111-1111-4111-8111-111111111111' },
  task: 'deploy',
  taskRun: { name: 'release-1-deploy', uid: '33333333-3333-4333-8333-333333333333' },
}

export function factsOf(changes: Partial<Facts> = {}): Facts {
  return {
    subject: { cluster: 'main', namespace: 'payments', namespaceLabels: {}, serviceAccounts: ['deployer'] },
    run,
    agent: undefined,
    request: { policy: undefined, audience, scopes: ['deploy:staging'], requestedExpirySeconds: undefined },
    candidates: [candidateOf()],
    ...changes,
  }
}
