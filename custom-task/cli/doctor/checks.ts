import type { Check } from './check.ts'
import { admissionPolicies } from './checks/admission-policies.ts'
import { apiServer } from './checks/api-server.ts'
import { audience } from './checks/audience.ts'
import { brokerReady } from './checks/broker-ready.ts'
import { clock } from './checks/clock.ts'
import { clusterIssuer } from './checks/cluster-issuer.ts'
import { clusterKeys } from './checks/cluster-keys.ts'
import { definitions } from './checks/definitions.ts'
import { discovery } from './checks/discovery.ts'
import { eventInterceptor } from './checks/event-interceptor.ts'
import { installation } from './checks/installation.ts'
import { leader } from './checks/leader.ts'
import { pods } from './checks/pods.ts'
import { policies } from './checks/policies.ts'
import { providers } from './checks/providers.ts'
import { servingCertificates } from './checks/serving-certificates.ts'
import { tekton } from './checks/tekton.ts'
import { tektonFlags } from './checks/tekton-flags.ts'
import { verifiedRuns } from './checks/verified-runs.ts'
import { versions } from './checks/versions.ts'
import { webhookAnswers } from './checks/webhook-answers.ts'
import { webhookAuthorities } from './checks/webhook-authorities.ts'
import { webhookConfiguration } from './checks/webhook-configuration.ts'
import { webhookService } from './checks/webhook-service.ts'

/** Every check, in the order in which one failure explains those below it. A new one: its file, and its line here. */
export const checks: readonly Check[] = [
  apiServer,
  clock,
  tekton,
  tektonFlags,
  definitions,
  installation,
  versions,
  pods,
  clusterIssuer,
  clusterKeys,
  audience,
  brokerReady,
  discovery,
  leader,
  webhookConfiguration,
  webhookAuthorities,
  servingCertificates,
  webhookService,
  webhookAnswers,
  admissionPolicies,
  verifiedRuns,
  eventInterceptor,
  providers,
  policies,
]
