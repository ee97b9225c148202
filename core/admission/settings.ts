import { serviceAccountUser } from '../identity/workload.ts'
import { admissionPolicies } from './policies.ts'
import { bindingSpec, policySpec } from './policy.ts'

/** What the chart was installed with; ServiceAccounts are `<namespace>/<name>`. */
export interface AdmissionSettings {
  /** Begins the names of policies and bindings. */
  readonly release: string
  readonly tektonControllers: readonly string[]
  readonly eventListeners: readonly string[]
  readonly broker: string
  readonly controller: string
}

/** A policy and its binding, which have one name, as they have to be. */
export interface ExpectedPolicy {
  readonly name: string
  readonly policy: object
  readonly binding: object
}

/** What has to be installed in a cluster for anything to be verified there. */
export function expectedPolicies(settings: AdmissionSettings, audience: string): readonly ExpectedPolicy[] {
  const parties = {
    tektonControllers: literals(settings.tektonControllers),
    eventListeners: literals(settings.eventListeners),
    broker: JSON.stringify(userOf(settings.broker)),
    controller: JSON.stringify(userOf(settings.controller)),
    audience: JSON.stringify(audience),
  }
  return admissionPolicies(parties).map((policy) => {
    const name = `${settings.release}-${policy.name}`
    return { name, policy: policySpec(policy), binding: bindingSpec(policy, name) }
  })
}

function literals(accounts: readonly string[]): string {
  return JSON.stringify(accounts.map(userOf))
}

function userOf(account: string): string {
  const [namespace = '', name = ''] = account.split('/')
  return serviceAccountUser(namespace, name)
}
