import type { SigningAlgorithm } from '../providers/provider.ts'
import {
  firstKeySet,
  isRotationDue,
  type KeySet,
  type KeyTiming,
  publishedKeys,
  rotate,
  withoutExpired,
} from './key-set.ts'
import type { SigningKey } from './signing-key.ts'

/** What a key is for. No key serves both: an access token must never pass as an assertion, nor the other way round. */
export type KeyUse = 'access' | 'federation'

export type KeySets = Readonly<Partial<Record<SigningAlgorithm, KeySet>>>

/** Every signing key of the broker at one moment. */
export type KeyRing = Readonly<Record<KeyUse, KeySets>>

/** Which algorithms have keys. */
export type RingAlgorithms = Readonly<Record<KeyUse, readonly SigningAlgorithm[]>>

/** Providers that take assertions take RS256, and most of them ES256; Entra takes nothing but RS256. */
export const defaultAlgorithms: RingAlgorithms = {
  access: ['RS256', 'ES256', 'EdDSA'],
  federation: ['RS256', 'ES256'],
}

export const emptyRing: KeyRing = { access: {}, federation: {} }

interface Moment {
  readonly now: Date
  readonly timing: KeyTiming
  readonly generate: (algorithm: SigningAlgorithm) => Promise<SigningKey>
}

/** Adds a key set for each algorithm that has none; the same object when there is nothing to add. */
export async function completeRing(ring: KeyRing, algorithms: RingAlgorithms, moment: Moment): Promise<KeyRing> {
  const access = await completeSets(ring.access, algorithms.access, moment)
  const federation = await completeSets(ring.federation, algorithms.federation, moment)
  return access === ring.access && federation === ring.federation ? ring : { access, federation }
}

async function completeSets(sets: KeySets, algorithms: readonly SigningAlgorithm[], moment: Moment): Promise<KeySets> {
  const missing = algorithms.filter((algorithm) => sets[algorithm] === undefined)
  if (missing.length === 0) return sets
  const added = await Promise.all(
    missing.map(async (algorithm) => {
      const [current, next] = await Promise.all([moment.generate(algorithm), moment.generate(algorithm)])
      return [algorithm, firstKeySet(current, next, moment.now)] as const
    }),
  )
  return { ...sets, ...Object.fromEntries(added) }
}

/** Rotates each key set that is due and drops keys that are done; the same object when nothing changes. */
export async function rotateRing(ring: KeyRing, moment: Moment): Promise<KeyRing> {
  const access = await rotateSets(ring.access, moment)
  const federation = await rotateSets(ring.federation, moment)
  return access === ring.access && federation === ring.federation ? ring : { access, federation }
}

async function rotateSets(sets: KeySets, moment: Moment): Promise<KeySets> {
  const before = setsOf(sets)
  const after = await Promise.all(before.map((set) => rotateSet(set, moment)))
  if (after.every((set, index) => set === before[index])) return sets
  return Object.fromEntries(after.map((set) => [set.algorithm, set]))
}

async function rotateSet(set: KeySet, { now, timing, generate }: Moment): Promise<KeySet> {
  const kept = withoutExpired(set, now)
  if (!isRotationDue(kept, now, timing)) return kept
  return rotate(kept, await generate(kept.algorithm), { now, timing })
}

/** All published keys of one use. */
export function ringKeys(ring: KeyRing, use: KeyUse): readonly SigningKey[] {
  return setsOf(ring[use]).flatMap(publishedKeys)
}

function setsOf(sets: KeySets): readonly KeySet[] {
  return Object.values(sets).filter((set) => set !== undefined)
}
