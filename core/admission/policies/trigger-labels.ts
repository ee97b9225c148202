import { isUnchanged, mapOf } from '../expressions.ts'
import type { AdmissionParties, AdmissionPolicy } from '../policy.ts'

/** Holds only where it was asked for: with an EventListener that is not listed, its runs cannot be made there. */
export function triggerLabels({ tektonControllers, eventListeners }: AdmissionParties): AdmissionPolicy {
  return {
    name: 'trigger-labels',
    closes: 'A run that says an event caused it although somebody made it by hand.',
    namespaces: 'verified',
    rules: [
      {
        apiGroups: ['tekton.dev'],
        operations: ['CREATE', 'UPDATE'],
        resources: ['pipelineruns', 'taskruns', 'customruns'],
      },
    ],
    matchConditions: [
      { name: 'is-not-tekton', expression: `!(request.userInfo.username in ${tektonControllers})` },
      {
        name: 'is-not-made-by-a-listener',
        expression: `!(oldObject == null && request.userInfo.username in ${eventListeners})`,
      },
    ],
    variables: [
      { name: 'before', expression: mapOf('oldObject', 'labels') },
      { name: 'after', expression: mapOf('object', 'labels') },
    ],
    validations: [
      {
        expression: isUnchanged("key.startsWith('triggers.tekton.dev/')"),
        message:
          'only EventListeners write the labels triggers.tekton.dev/*, those whose ServiceAccounts the chart lists in admission.eventListeners',
      },
    ],
  }
}
