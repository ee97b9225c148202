import type { FakeKube } from '../../fakes/kube/server.ts'

export const policyName = 'tokenbroker-approvals'

/** The admission policy of decisions, as far as the embedded API server knows it. */
export function holdDecisions({ objects }: FakeKube): void {
  const group = 'admissionregistration.k8s.io/v1'
  const metadata = { name: policyName }
  const validations = [{ expression: 'false' }]
  objects.create({
    apiVersion: group,
    kind: 'ValidatingAdmissionPolicy',
    metadata,
    spec: { failurePolicy: 'Fail', validations },
  })
  const spec = { policyName, validationActions: ['Deny'] }
  objects.create({ apiVersion: group, kind: 'ValidatingAdmissionPolicyBinding', metadata, spec })
}
