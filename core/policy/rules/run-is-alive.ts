import type { Rule } from '../rule.ts'

export const runIsAlive = {
  name: 'run-is-alive',
  explain: 'The run has not ended.',
  check({ run }) {
    return run.hasEnded
      ? { reason: 'run_ended', detail: 'the run has completed, was cancelled or revoked, or is being deleted' }
      : undefined
  },
} satisfies Rule
