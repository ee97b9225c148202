import type { AdmissionParties, AdmissionPolicy } from '../policy.ts'

/** The far ends of the walk's links, `podName` and `childReferences`, are in the status. */
export function runStatus({ tektonControllers }: AdmissionParties): AdmissionPolicy {
  return {
    name: 'run-status',
    closes: 'A status of a run that its controller did not write: other pods, other children, another pipeline.',
    namespaces: 'all',
    rules: [
      { apiGroups: ['tekton.dev'], operations: ['UPDATE'], resources: ['pipelineruns/status', 'taskruns/status'] },
    ],
    validations: [
      {
        expression: `request.userInfo.username in ${tektonControllers}`,
        message: 'only Tekton writes the status of PipelineRuns and TaskRuns',
      },
    ],
  }
}
