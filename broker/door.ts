import { Problem } from '../core/problem.ts'
import type { Door, Gathered, Requester } from './known.ts'

/**
 * Who may ask at which door. At `/token` pods, for themselves, and the controller for what goes into a Secret; at
 * `/authorize` the controller, for a CustomRun that is not done; at `/explain` both, as nothing comes of it.
 *
 * @throws Problem `caller_not_allowed`, `actor_not_allowed`, `custom_run_params` or `custom_run_not_found`
 */
export function requireDoor(door: Door, { kind }: Requester, { delegation }: Gathered): void {
  if (door === 'explain') return
  if (kind === 'pod') {
    if (door === 'token') return
    const mend = 'Runs are authorised by the controller, for a TokenExchange task: a pod asks for its token at /token'
    throw new Problem('caller_not_allowed', { mend, detail: 'a pod asked for a run authorisation' })
  }
  if (delegation?.isDryRun === true) {
    const mend = 'The TokenExchange says dry-run, so nothing is granted for it: ask at /explain'
    throw new Problem('custom_run_params', { mend, detail: 'a dry run asked for a grant' })
  }
  if (door === 'authorize') {
    if (delegation?.isDone !== true) return
    throw new Problem('custom_run_not_found', { detail: 'the CustomRun has succeeded already' })
  }
  if (delegation?.deliver === 'secret') return
  const mend = 'Only deliver: secret gets a token here: any other CustomRun is asked for at /authorize'
  throw new Problem('actor_not_allowed', { mend, detail: 'the CustomRun does not say deliver: secret' })
}
