import type { StampedInitiator } from '../../core/identity/initiator.ts'
import type { Evidence, Initiator, Run, VerifiedEvent } from '../../core/identity/run.ts'
import type { AdmissionGuard } from './admission-guard.ts'
import { plainAddress } from './peer-address.ts'
import { claimed, proved, type Walked, type WalkedObject } from './walked.ts'

/** What is asked anew for each request. */
export interface Witnesses {
  readonly namespace: string
  readonly guard: AdmissionGuard
  /** Of the run's trigger labels, where the broker verified it for this run. */
  readonly event: VerifiedEvent | undefined
  /** Where the request came from; undefined where the pod itself did not send it. */
  readonly peerAddress: string | undefined
}

/** These say more about a run, and nothing about whether it is that run. */
const besides: ReadonlySet<string> = new Set(['initiator', 'source', 'task-source'])

/**
 * The run with its assurance: `verified` only if every step of the walk is proved, admission was in force before any
 * object of it was made, the request came from the pod's address, and the event that its labels name is one that the
 * broker verified. Anything less is `claimed`.
 */
export function concludeRun(walked: Walked, witnesses: Witnesses): Run {
  const { run, stamp } = walked
  if (run.assurance === 'none') return run
  const admission = admissionEvidence(walked.objects, witnesses)
  const isGuarded = admission.verdict === 'proved'
  const event = mayHaveEvent(walked) ? witnesses.event : undefined
  const initiator = initiatorOf(stamp, event, isGuarded)
  const evidence = [
    ...run.evidence,
    admission,
    ...peerEvidence(walked.addresses, witnesses.peerAddress),
    ...eventEvidence(walked, event, isGuarded),
    initiatorEvidence(initiator),
  ]
  const maker = stamp?.username
  const isVerified = evidence.every(({ hop, verdict }) => verdict === 'proved' || besides.has(hop))
  return { ...run, assurance: isVerified ? 'verified' : 'claimed', initiator, maker, event, evidence }
}

/**
 * Whether an event can have made the run: its labels name one, and no person made it. Without that a person could wear
 * the labels of an event that no run has used yet.
 */
export function mayHaveEvent({ run, stamp }: Walked): boolean {
  return run.trigger !== undefined && stamp?.kind !== 'person'
}

function admissionEvidence(objects: readonly WalkedObject[], { guard, namespace }: Witnesses): Evidence {
  const since = guard.verifiedSince(namespace)
  if (since === undefined) return claimed('admission', guard.why(namespace))
  const older = objects.find(({ createdAt }) => createdAt === undefined || createdAt.getTime() <= since.getTime())
  return older === undefined
    ? proved('admission')
    : claimed('admission', `the ${older.kind} is older than the admission policies or the last change of them`)
}

/** A pod has no address until the kubelet has written it; then there is nothing to compare. */
function peerEvidence(addresses: readonly string[], peerAddress: string | undefined): readonly Evidence[] {
  if (peerAddress === undefined || addresses.length === 0) return []
  return [
    addresses.includes(plainAddress(peerAddress))
      ? proved('peer-address')
      : claimed('peer-address', 'the request did not come from an address of the pod'),
  ]
}

function eventEvidence({ run }: Walked, event: VerifiedEvent | undefined, isGuarded: boolean): readonly Evidence[] {
  if (run.trigger === undefined) return []
  if (event === undefined) return [claimed('event', 'the broker verified no such event for this run')]
  return [isGuarded ? proved('event') : claimed('event', 'without the admission policies anybody may write its labels')]
}

/** An event names a person by a verified signature and the login map; whoever made the run for it is its EventListener. */
function initiatorOf(
  stamp: StampedInitiator | undefined,
  event: VerifiedEvent | undefined,
  isProved: boolean,
): Initiator | undefined {
  if (event?.person !== undefined) return { username: event.person, uid: undefined, kind: 'event', isProved }
  return stamp === undefined ? undefined : { ...stamp, isProved }
}

function initiatorEvidence(initiator: Initiator | undefined): Evidence {
  if (initiator === undefined) return claimed('initiator', 'admission did not stamp who made the run')
  return initiator.isProved
    ? proved('initiator')
    : claimed('initiator', 'without the admission policies anybody may write the stamp')
}
