import type { Rule } from '../rule.ts'

/** Last in the list, so that its refusal means: everything else would have allowed this. */
export const mode = {
  name: 'mode',
  explain: 'The policy is in mode Enforce.',
  check({ policy }) {
    return policy.spec.mode === 'DryRun' ? { reason: 'policy_dry_run', detail: 'would have been granted' } : undefined
  },
} satisfies Rule
