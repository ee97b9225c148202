import type { AdmissionParties, AdmissionPolicy } from '../policy.ts'

/** The `edit` role may mint a token bound to any pod of the namespace; only the kubelet needs one for the broker. */
export function tokenAudience({ audience }: AdmissionParties): AdmissionPolicy {
  return {
    name: 'token-audience',
    closes: "A token for the broker in the name of somebody else's pod.",
    namespaces: 'all',
    rules: [{ apiGroups: [''], operations: ['CREATE'], resources: ['serviceaccounts/token'] }],
    matchConditions: [
      {
        name: 'is-for-the-broker',
        expression: `has(object.spec) && has(object.spec.audiences) && ${audience} in object.spec.audiences`,
      },
    ],
    validations: [
      {
        expression: "has(request.userInfo.groups) && 'system:nodes' in request.userInfo.groups",
        message: 'a token for the broker comes from the kubelet alone: mount a projected token in the pod',
      },
    ],
  }
}
