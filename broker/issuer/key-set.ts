import type { SigningAlgorithm } from '../providers/provider.ts'
import type { SigningKey } from './signing-key.ts'

/** Published, not signing yet. */
export interface NextKey {
  readonly key: SigningKey
  readonly publishedSince: Date
}

/** Published and signing. */
export interface CurrentKey extends NextKey {
  readonly signsSince: Date
}

/** Published until the last token signed with it has expired. */
export interface PreviousKey extends CurrentKey {
  readonly signedUntil: Date
  readonly publishedUntil: Date
}

/** The keys of one algorithm at one moment. A value: rotation returns another one. */
export interface KeySet {
  readonly algorithm: SigningAlgorithm
  /** Newest first. */
  readonly previous: readonly PreviousKey[]
  readonly current: CurrentKey
  readonly next: NextKey
}

export interface KeyTiming {
  /** How long a key signs. Default: 30 days. */
  readonly rotationSeconds: number
  /** How long a key is published before it signs; verifiers cache a JWKS for up to an hour. Default: 24 h. */
  readonly leadSeconds: number
  /** The longest life a token can have. Default: 24 h. */
  readonly maxTokenLifeSeconds: number
}

export const defaultTiming: KeyTiming = {
  rotationSeconds: 30 * 86_400,
  leadSeconds: 86_400,
  maxTokenLifeSeconds: 86_400,
}

/** On top of the longest token life: verifiers' clocks, and replicas that learn of a rotation late. */
const retirementMarginSeconds = 600

/** The first key of an algorithm signs at once: nobody can have cached a JWKS without it. */
export function firstKeySet(current: SigningKey, next: SigningKey, now: Date): KeySet {
  return Object.freeze({
    algorithm: current.algorithm,
    previous: [],
    current: { key: current, publishedSince: now, signsSince: now },
    next: { key: next, publishedSince: now },
  })
}

/** True when the current key has signed long enough and its successor has been published long enough. */
export function isRotationDue(set: KeySet, now: Date, timing: KeyTiming): boolean {
  return (
    now >= addSeconds(set.current.signsSince, timing.rotationSeconds) &&
    now >= addSeconds(set.next.publishedSince, timing.leadSeconds)
  )
}

/** `next` begins to sign, `fresh` is published, `current` stays published until its last token has expired. */
export function rotate(set: KeySet, fresh: SigningKey, options: { now: Date; timing: KeyTiming }): KeySet {
  const { now, timing } = options
  const retired: PreviousKey = {
    ...set.current,
    signedUntil: now,
    publishedUntil: addSeconds(now, timing.maxTokenLifeSeconds + retirementMarginSeconds),
  }
  return Object.freeze({
    algorithm: set.algorithm,
    previous: [retired, ...set.previous],
    current: { ...set.next, signsSince: now },
    next: { key: fresh, publishedSince: now },
  })
}

/** Drops keys whose last token has expired; the same object when there is none. */
export function withoutExpired(set: KeySet, now: Date): KeySet {
  const previous = set.previous.filter((entry) => entry.publishedUntil > now)
  return previous.length === set.previous.length ? set : Object.freeze({ ...set, previous })
}

/** Every key that a verifier may meet, the signing one first. */
export function publishedKeys(set: KeySet): readonly SigningKey[] {
  return [set.current, set.next, ...set.previous].map((entry) => entry.key)
}

function addSeconds(at: Date, seconds: number): Date {
  return new Date(at.getTime() + seconds * 1000)
}
