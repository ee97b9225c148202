import type { Rule } from '../rule.ts'

export const runsPipelines = {
  name: 'runs-pipelines',
  explain: 'The run is one of a Pipeline that the policy names.',
  check({ run, policy }) {
    const wanted = policy.spec.runs?.pipelines
    if (wanted === undefined || (run.pipeline !== undefined && wanted.includes(run.pipeline))) return undefined
    const found = run.pipeline === undefined ? 'the run has no Pipeline with a name' : `the Pipeline is ${run.pipeline}`
    return { reason: 'run_pipeline_not_allowed', detail: found }
  },
} satisfies Rule
