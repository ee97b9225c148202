import { isKubernetesController, isUnchanged, mapOf, tektonOwners } from '../expressions.ts'
import type { AdmissionParties, AdmissionPolicy } from '../policy.ts'

/** What Tekton finds the children of a run by. */
const isProvenance =
  "key.startsWith('tekton.dev/pipelineRun') || key.startsWith('tekton.dev/taskRun') || key.startsWith('tekton.dev/customRun') || key in ['tekton.dev/pipelineTask', 'tekton.dev/memberOf']"

/** Tekton adopts what looks like a child of a run: whoever can write the look can have a pod of his own taken for one. */
export function provenance({ tektonControllers }: AdmissionParties): AdmissionPolicy {
  return {
    name: 'provenance',
    closes: 'Objects that look like children of a run, and are not: planted or adopted pods, TaskRuns and CustomRuns.',
    namespaces: 'all',
    rules: [
      {
        apiGroups: ['tekton.dev'],
        operations: ['CREATE', 'UPDATE'],
        resources: ['pipelineruns', 'taskruns', 'customruns'],
      },
      { apiGroups: [''], operations: ['CREATE', 'UPDATE'], resources: ['pods'] },
    ],
    matchConditions: [{ name: 'is-not-tekton', expression: `!(request.userInfo.username in ${tektonControllers})` }],
    variables: [
      { name: 'before', expression: mapOf('oldObject', 'labels') },
      { name: 'after', expression: mapOf('object', 'labels') },
      { name: 'ownersBefore', expression: tektonOwners('oldObject') },
      { name: 'ownersAfter', expression: tektonOwners('object') },
      // Tekton's affinity assistant is a StatefulSet with such labels, whose pods Kubernetes makes.
      { name: 'isKubernetesController', expression: isKubernetesController },
    ],
    validations: [
      {
        expression: `variables.ownersAfter == variables.ownersBefore || (oldObject != null && variables.isKubernetesController)`,
        message: 'only Tekton makes an object the child of a run (ownerReferences of tekton.dev kinds)',
      },
      {
        expression: `(${isUnchanged(isProvenance)}) || (oldObject == null && variables.isKubernetesController)`,
        message:
          'only Tekton writes the labels tekton.dev/pipelineRun*, taskRun*, customRun*, pipelineTask and memberOf',
      },
    ],
  }
}
