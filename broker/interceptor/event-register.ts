import type { VerifiedEvent } from '../../core/identity/run.ts'

/** A run that says, by its labels, that an event made it. */
export interface RunOfEvent {
  readonly cluster: string
  readonly namespace: string
  readonly uid: string
  readonly createdAt: Date
  /** Label `triggers.tekton.dev/trigger`. */
  readonly trigger: string
  /** Label `triggers.tekton.dev/eventlistener`. */
  readonly eventListener: string
}

/** Events whose sender the broker verified. Design: what `verified` means. */
export interface EventRegister {
  /**
   * The event of a run, or undefined where the broker verified none of that id for its trigger, where the run was not
   * made right after it, or where another run has it: the first run that is walked with an event keeps it. Asking again
   * for the same run answers the same.
   *
   * @param eventId label `triggers.tekton.dev/triggers-eventid`
   */
  claim(eventId: string, run: RunOfEvent): VerifiedEvent | undefined
}

/** A broker without an interceptor verifies no event. */
export const noEvents: EventRegister = { claim: () => undefined }
