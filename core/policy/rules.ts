import type { Rule } from './rule.ts'
import { accessRevoked } from './rules/access-revoked.ts'
import { agentScopes } from './rules/agent-scopes.ts'
import { agents } from './rules/agents.ts'
import { audience } from './rules/audience.ts'
import { limitsRequire } from './rules/limits-require.ts'
import { mode } from './rules/mode.ts'
import { providerNamespace } from './rules/provider-namespace.ts'
import { rbac } from './rules/rbac.ts'
import { runIsAlive } from './rules/run-is-alive.ts'
import { runsAssurance } from './rules/runs-assurance.ts'
import { runsEventListeners } from './rules/runs-event-listeners.ts'
import { runsPipelines } from './rules/runs-pipelines.ts'
import { runsPodTemplate } from './rules/runs-pod-template.ts'
import { runsSource } from './rules/runs-source.ts'
import { scopes } from './rules/scopes.ts'
import { secretDelivery } from './rules/secret-delivery.ts'
import { serviceAccounts } from './rules/service-accounts.ts'
import { suspended } from './rules/suspended.ts'
import { ttlEnforceable } from './rules/ttl-enforceable.ts'
import { validations } from './rules/validations.ts'

/** The decision, in order: all are asked, the first refusal decides. A new condition is a new file and a line here. */
export const rules: readonly Rule[] = [
  audience,
  providerNamespace,
  scopes,
  serviceAccounts,
  rbac,
  secretDelivery,
  runIsAlive,
  accessRevoked,
  suspended,
  ttlEnforceable,
  runsAssurance,
  limitsRequire,
  runsSource,
  runsPodTemplate,
  runsPipelines,
  runsEventListeners,
  agents,
  agentScopes,
  validations,
  mode,
]
