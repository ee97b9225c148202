import { initiatorAnnotation } from '../../identity/initiator.ts'
import type { AdmissionParties, AdmissionPolicy } from '../policy.ts'

const isReserved = `key.startsWith('tekton.dev/') || key.startsWith('triggers.tekton.dev/') || key == '${initiatorAnnotation}'`

/** Labels there win over those that Tekton writes on the TaskRun itself. */
export function taskRunSpecs(_parties: AdmissionParties): AdmissionPolicy {
  const noneIn = (field: string) => `!has(spec.metadata.${field}) || !spec.metadata.${field}.exists(key, ${isReserved})`
  return {
    name: 'task-run-specs',
    closes: 'Forged labels on TaskRuns that Tekton really made, which taskRunSpecs of a PipelineRun could put there.',
    namespaces: 'all',
    rules: [{ apiGroups: ['tekton.dev'], operations: ['CREATE', 'UPDATE'], resources: ['pipelineruns'] }],
    matchConditions: [{ name: 'has-task-run-specs', expression: 'has(object.spec) && has(object.spec.taskRunSpecs)' }],
    validations: [
      {
        expression: `object.spec.taskRunSpecs.all(spec, !has(spec.metadata) || ((${noneIn('labels')}) && (${noneIn('annotations')})))`,
        message:
          'taskRunSpecs[].metadata may not hold labels or annotations tekton.dev/*, triggers.tekton.dev/* and tokenbroker.dev/initiator',
      },
    ],
  }
}
