import type { Grant, GrantFields } from '../../../broker/providers/provider.ts'
import { noRun, type Run } from '../../../core/identity/run.ts'
import type { Allowance, AllowanceFields } from '../../../core/policy/allowance.ts'

export const issuedAt = new Date('2026-03-01T12:00:00.250Z')

/** A run of a Pipeline, as far as it can be known. */
export const pipelineRun: Run = {
  ...noRun,
  assurance: 'claimed',
  pipeline: 'release',
  pipelineRun: { name: 'release-7x', uid: 'b2f0c5f4-0000-4000-8000-000000000001' },
  task: 'deploy',
  taskRun: { name: 'release-7x-deploy', uid: 'b2f0c5f4-0000-4000-8000-000000000002' },
  initiator: { username: 'jane@example.com', uid: undefined, kind: 'person', isProved: false },
}

const allowanceFields: AllowanceFields = {
  subject: { cluster: 'local', namespace: 'payments', namespaceLabels: {}, serviceAccounts: ['deployer'] },
  run: pipelineRun,
  policy: {
    kind: 'TokenPolicy',
    name: 'deploy-staging',
    namespace: 'payments',
    uid: 'policy-uid',
    generation: 3,
    spec: {
      providerRef: { name: 'builtin' },
      audience: 'https://deploy.example.com',
      scopes: ['deploy:staging', 'image:push'],
      ttl: '5m',
      allowLongerUpstream: false,
      mode: 'Enforce',
      suspend: false,
    },
    validations: [],
  },
  provider: {
    name: 'builtin',
    uid: 'provider-uid',
    generation: 1,
    spec: {
      builtin: { algorithm: 'RS256', tokenType: 'at+jwt' },
      audiences: ['https://deploy.example.com'],
      scopes: ['deploy:staging', 'image:push'],
      limits: { maxTTL: '15m', secretDelivery: false },
      suspend: false,
    },
  },
  audience: 'https://deploy.example.com',
  scopes: ['deploy:staging', 'image:push'],
  ttlSeconds: 300,
  approvals: [],
  agent: undefined,
  rbac: [],
  verdicts: [],
  others: [],
}

interface GrantChanges extends Partial<Omit<GrantFields, 'allowance'>> {
  readonly allowance?: Partial<AllowanceFields>
}

/** A grant for the pod of `deployer` in `payments`; the tests of a provider cannot wait for `settle` to make one. */
export function grantWith(changes: GrantChanges = {}): Grant {
  const { allowance, ...others } = changes
  const fields: GrantFields = {
    exchangeId: '019a0000-0000-7000-8000-000000000001',
    allowance: { ...allowanceFields, ...allowance } as Allowance,
    workload: {
      cluster: 'local',
      namespace: 'payments',
      serviceAccount: { name: 'deployer', uid: 'sa-uid' },
      pod: { name: 'release-7x-deploy-pod', uid: 'pod-uid' },
      node: { name: 'node-1' },
      credentialId: 'JTI=1',
      issuedAt,
      expiresAt: new Date(issuedAt.getTime() + 3_600_000),
      revocationCheck: 'token-review',
    },
    issuedAt,
    expiresAt: new Date('2026-03-01T12:05:00.000Z'),
    authorizationId: undefined,
    ...others,
  }
  return fields as Grant
}
