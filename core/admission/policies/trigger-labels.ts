import { isUnchanged, mapOf } from '../expressions.ts'
import type { AdmissionParties, AdmissionPolicy } from '../policy.ts'

/**
 * Holds only where it was asked for: with an EventListener that is not listed, its runs cannot be made there. Tekton gives
 * children the labels of their run as it makes them, and may not change them later either: it would copy onto a run the
 * labels of the Pipeline or Task that the run names, which anybody may write.
 */
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
      {
        name: 'is-not-made-by-tekton',
        expression: `!(oldObject == null && request.userInfo.username in ${tektonControllers})`,
      },
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
          'only EventListeners write the labels triggers.tekton.dev/*, as they make a run: those whose ServiceAccounts the chart lists in admission.eventListeners; a Pipeline or Task may not have them',
      },
    ],
  }
}
