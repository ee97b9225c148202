import type { Rule } from '../rule.ts'

export const runsPodTemplate = {
  name: 'runs-pod-template',
  explain: 'The run sets no podTemplate where the policy does not allow one, as it can put variables into a step.',
  check({ run, policy }) {
    const { podTemplate, source } = policy.spec.runs ?? {}
    const isDenied = (podTemplate ?? (source === undefined ? 'Allow' : 'Deny')) === 'Deny'
    if (!isDenied || !run.hasPodTemplate) return undefined
    return { reason: 'pod_template_not_allowed', detail: 'the run or its taskRunSpecs set a podTemplate' }
  },
} satisfies Rule
