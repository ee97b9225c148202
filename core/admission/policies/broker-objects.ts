import type { AdmissionParties, AdmissionPolicy } from '../policy.ts'

/** RBAC gives these to the broker alone; an administrator's mistake does not give them to somebody else. */
export function brokerObjects({ broker }: AdmissionParties): AdmissionPolicy {
  return {
    name: 'broker-objects',
    closes: 'Requests for approval and conditions of policies that the broker did not write.',
    namespaces: 'all',
    rules: [
      { apiGroups: ['tokenbroker.dev'], operations: ['UPDATE'], resources: ['*/status'] },
      { apiGroups: ['tokenbroker.dev'], operations: ['CREATE'], resources: ['tokenapprovals'] },
    ],
    validations: [
      {
        expression: `request.userInfo.username == ${broker}`,
        message: 'only the broker makes a TokenApproval and writes the status of tokenbroker.dev kinds',
      },
    ],
  }
}
