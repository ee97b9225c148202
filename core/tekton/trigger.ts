import type { TriggerClaim } from '../identity/run.ts'

const prefix = 'triggers.tekton.dev/'

/** What the labels that an EventListener writes say, proved or not. @returns undefined where no such label is set */
export function triggerClaim(labels: Readonly<Record<string, string>> | undefined): TriggerClaim | undefined {
  const eventListener = labels?.[`${prefix}eventlistener`] ?? ''
  const trigger = labels?.[`${prefix}trigger`] ?? ''
  const eventId = labels?.[`${prefix}triggers-eventid`] ?? ''
  return eventListener || trigger || eventId ? { eventListener, trigger, eventId } : undefined
}
