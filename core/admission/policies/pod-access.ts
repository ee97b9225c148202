import type { AdmissionParties, AdmissionPolicy } from '../policy.ts'

/**
 * Holds in namespaces with the label alone: of a request to connect, admission sees the namespace but no label of the pod,
 * and nobody wants to lose exec everywhere.
 */
export function podAccess(_parties: AdmissionParties): AdmissionPolicy {
  return {
    name: 'pod-access',
    closes: "Commands, connections and containers of a person's in a pod that speaks for a run.",
    namespaces: 'verified',
    rules: [
      {
        apiGroups: [''],
        operations: ['CONNECT'],
        resources: ['pods/exec', 'pods/attach', 'pods/portforward', 'pods/proxy'],
      },
      { apiGroups: [''], operations: ['UPDATE'], resources: ['pods/ephemeralcontainers'] },
    ],
    validations: [
      {
        expression: 'false',
        message:
          'nobody enters pods in a namespace labelled tokenbroker.dev/verified=true, as its runs could not be verified then',
      },
    ],
  }
}
