import type { AdmissionParties, AdmissionPolicy } from '../policy.ts'

/**
 * Tekton takes whatever request stands under the name that it would give its own, and then the answer to that one. Holds in
 * namespaces with the label alone: elsewhere people try their resolvers by hand.
 */
export function resolutionRequests({ tektonControllers }: AdmissionParties): AdmissionPolicy {
  return {
    name: 'resolution-requests',
    closes: "Another text than a run asked for: a request to a resolver, planted in place of Tekton's own.",
    namespaces: 'verified',
    rules: [
      {
        apiGroups: ['resolution.tekton.dev'],
        operations: ['CREATE', 'UPDATE'],
        resources: ['resolutionrequests'],
      },
    ],
    matchConditions: [{ name: 'is-not-tekton', expression: `!(request.userInfo.username in ${tektonControllers})` }],
    validations: [
      {
        expression: 'oldObject != null && object.spec == oldObject.spec',
        message:
          'only Tekton asks its resolvers in a namespace labelled tokenbroker.dev/verified=true, as a run could be given the answer to another question',
      },
    ],
  }
}
