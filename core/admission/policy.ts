import { verifiedNamespaces } from './verified-namespaces.ts'

/** Who may do what others may not, as CEL that stands in the policies: texts are literals of CEL. */
export interface AdmissionParties {
  /** List of user names: Tekton's controllers, which make TaskRuns, CustomRuns and pods. */
  readonly tektonControllers: string
  /** List of user names: ServiceAccounts of EventListeners and Triggers. */
  readonly eventListeners: string
  /** User name of the broker. */
  readonly broker: string
  /** User name of our controller. */
  readonly controller: string
  /** Audience that pods ask for in their projected token: the broker's issuer URL. */
  readonly audience: string
}

interface ResourceRule {
  readonly apiGroups: readonly string[]
  readonly operations: readonly ('CREATE' | 'UPDATE' | 'CONNECT')[]
  readonly resources: readonly string[]
}

interface Named {
  readonly name: string
  readonly expression: string
}

/** One ValidatingAdmissionPolicy with its binding. */
export interface AdmissionPolicy {
  /** Ends the names of policy and binding, which begin with the name of the release. */
  readonly name: string
  /** One sentence for whoever reads the manifest: what nobody can do any more. */
  readonly closes: string
  /** Where it holds. */
  readonly namespaces: 'all' | 'verified'
  readonly rules: readonly ResourceRule[]
  readonly matchConditions?: readonly Named[]
  readonly variables?: readonly Named[]
  readonly validations: readonly { readonly expression: string; readonly message: string }[]
}

/** What the API server adds to a spec that leaves it out, written out so that a spec can be compared with what it keeps. */
const defaults = { matchPolicy: 'Equivalent', objectSelector: {} } as const

/** The spec of the ValidatingAdmissionPolicy, with nothing left to defaults. */
export function policySpec({ rules, matchConditions, variables, validations }: AdmissionPolicy): object {
  return {
    failurePolicy: 'Fail',
    matchConstraints: {
      ...defaults,
      namespaceSelector: {},
      resourceRules: rules.map((rule) => ({ ...rule, apiVersions: ['*'], scope: '*' })),
    },
    ...(matchConditions && { matchConditions }),
    ...(variables && { variables }),
    validations: validations.map((validation) => ({ ...validation, reason: 'Forbidden' })),
  }
}

/**
 * The spec of the ValidatingAdmissionPolicyBinding.
 *
 * @param fullName of the policy
 */
export function bindingSpec({ namespaces }: AdmissionPolicy, fullName: string): object {
  const selector = { ...defaults, namespaceSelector: { matchLabels: verifiedNamespaces } }
  return {
    policyName: fullName,
    validationActions: ['Deny'],
    ...(namespaces === 'verified' && { matchResources: selector }),
  }
}
