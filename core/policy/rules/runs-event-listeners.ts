import type { Rule } from '../rule.ts'

export const runsEventListeners = {
  name: 'runs-event-listeners',
  explain: 'The run was started by a verified event through an EventListener that the policy names.',
  check({ run, policy }) {
    const wanted = policy.spec.runs?.eventListeners
    if (wanted === undefined) return undefined
    if (run.event === undefined) {
      return { reason: 'run_event_not_allowed', detail: 'no event whose sender was verified started the run' }
    }
    const { namespace, name } = run.event.eventListener
    if (wanted.some((one) => one.namespace === namespace && one.name === name)) return undefined
    return { reason: 'run_event_not_allowed', detail: `the event came through ${namespace}/${name}` }
  },
} satisfies Rule
