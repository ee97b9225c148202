import type { Clock } from '../../core/clock.ts'
import type { SigningAlgorithm } from '../providers/provider.ts'
import { formatKeyDocument, parseKeyDocument } from './key-document.ts'
import { KeyFileError, readKeyFile, writeKeyFile } from './key-file.ts'
import {
  completeRing,
  defaultAlgorithms,
  emptyRing,
  type KeyRing,
  type RingAlgorithms,
  rotateRing,
} from './key-ring.ts'
import { defaultTiming, type KeyTiming } from './key-set.ts'
import { generateSigningKey, type SigningKey } from './signing-key.ts'

export type KeyChange = 'unchanged' | 'reloaded' | 'rotated'

/** Where the signing keys live. A file here; a Kubernetes Secret shared by replicas offers the same. */
export interface KeyStore {
  /** For how long an old key stays published, and so the longest life that a token may have. */
  readonly maxTokenLifeSeconds: number
  /** The keys at this moment; another object after every change. */
  ring(): KeyRing
  /**
   * Takes over what another writer stored, then rotates and stores the keys that are due. To be called every few
   * minutes. When it throws, the keys in memory go on signing.
   */
  rotateIfDue(signal: AbortSignal): Promise<KeyChange>
}

interface KeyStoreOptions {
  /** A volume, or a mounted Secret if somebody else rotates it. */
  readonly directory: string
  readonly clock: Clock
  readonly timing?: KeyTiming
  readonly algorithms?: RingAlgorithms
  readonly generate?: (algorithm: SigningAlgorithm) => Promise<SigningKey>
}

/**
 * Opens `signing-keys.json` in the directory, or makes it with fresh keys. One writer: two brokers on one volume are
 * not foreseen.
 *
 * @throws KeyFileError when the file may be read by others, is too large, or the directory cannot be used
 * @throws KeyDocumentError when the content is unusable; never replaced by fresh keys, which would void all tokens
 */
export async function openKeyStore(options: KeyStoreOptions, signal: AbortSignal): Promise<KeyStore> {
  const { directory, clock, timing = defaultTiming, generate = generateSigningKey } = options
  if (timing.leadSeconds > timing.rotationSeconds) throw new TypeError('leadSeconds is over rotationSeconds')
  const moment = () => ({ now: clock(), timing, generate })

  let { ring, version } = await load()
  await store(await completeRing(ring, options.algorithms ?? defaultAlgorithms, moment()), signal)

  async function load(): Promise<{ readonly ring: KeyRing; readonly version: string | undefined }> {
    const file = await readKeyFile(directory, signal)
    if (file === undefined) return { ring: emptyRing, version: undefined }
    return { ring: await parseKeyDocument(file.text), version: file.version }
  }

  async function reload(signal: AbortSignal): Promise<boolean> {
    const file = await readKeyFile(directory, signal)
    if (file === undefined) throw new KeyFileError('missing', `${directory} has lost its signing keys`)
    if (file.version === version) return false
    ring = await parseKeyDocument(file.text)
    version = file.version
    return true
  }

  async function store(changed: KeyRing, signal: AbortSignal): Promise<boolean> {
    if (changed === ring) return false
    version = await writeKeyFile(directory, formatKeyDocument(changed), signal)
    // Only now: a key that is not stored must sign nothing, or a restart would void its tokens.
    ring = changed
    return true
  }

  async function rotateIfDue(signal: AbortSignal): Promise<KeyChange> {
    const hasReloaded = await reload(signal)
    if (await store(await rotateRing(ring, moment()), signal)) return 'rotated'
    return hasReloaded ? 'reloaded' : 'unchanged'
  }

  const { maxTokenLifeSeconds } = timing
  return Object.freeze({ maxTokenLifeSeconds, ring: () => ring, rotateIfDue: oneAtATime(rotateIfDue) })
}

/** Concurrent callers share the run that is under way, with the signal of the first. */
function oneAtATime<T>(run: (signal: AbortSignal) => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let underWay: Promise<T> | undefined
  return (signal) => {
    underWay ??= run(signal).finally(() => {
      underWay = undefined
    })
    return underWay
  }
}
