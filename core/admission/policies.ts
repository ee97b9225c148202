import { brokerObjects } from './policies/broker-objects.ts'
import { customRuns } from './policies/custom-runs.ts'
import { initiator } from './policies/initiator.ts'
import { podAccess } from './policies/pod-access.ts'
import { podImages } from './policies/pod-images.ts'
import { provenance } from './policies/provenance.ts'
import { resolutionRequests } from './policies/resolution-requests.ts'
import { runStatus } from './policies/run-status.ts'
import { taskRunSpecs } from './policies/task-run-specs.ts'
import { tokenAudience } from './policies/token-audience.ts'
import { triggerLabels } from './policies/trigger-labels.ts'
import type { AdmissionParties, AdmissionPolicy } from './policy.ts'

/**
 * Every policy that `verified` rests on. The chart's templates are generated from it, and the broker holds what is installed
 * against it, so that the two cannot drift apart. A new one: its file, its line here, `npm run generate`.
 */
export function admissionPolicies(parties: AdmissionParties): readonly AdmissionPolicy[] {
  return [
    provenance(parties),
    runStatus(parties),
    podImages(parties),
    customRuns(parties),
    taskRunSpecs(parties),
    tokenAudience(parties),
    triggerLabels(parties),
    podAccess(parties),
    resolutionRequests(parties),
    initiator(parties),
    brokerObjects(parties),
  ]
}

const nobody = { tektonControllers: '[]', eventListeners: '[]', broker: "''", controller: "''", audience: "''" }

/** Ends of the names of all policies. */
export const policyNames: readonly string[] = admissionPolicies(nobody).map(({ name }) => name)

/** The policy that the canary has to be refused by. */
export const canaryPolicy = 'provenance'
