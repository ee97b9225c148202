import { isAtLeast } from '../assurance.ts'
import type { Rule } from '../rule.ts'

export const runsAssurance = {
  name: 'runs-assurance',
  explain: 'What is known of the run is as sure as the policy asks.',
  check({ run, policy }) {
    const asked = policy.spec.runs?.assurance
    if (asked === undefined || isAtLeast(run.assurance, asked)) return undefined
    return { reason: 'run_assurance_too_low', detail: `the run is ${run.assurance} and the policy asks for ${asked}` }
  },
} satisfies Rule
