import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../clock.ts'

/** Waits; rejects with the signal's reason as soon as it is aborted. */
export type Delay = (ms: number, signal: AbortSignal) => Promise<void>

/** A number in [0, 1), for jitter only. Ids and secrets come from `node:crypto` directly. */
export type Random = () => number

/** The machine's wall clock, for main files to hand out. */
export const systemClock: Clock = () => new Date()

/** Waits in real time. */
export const systemDelay: Delay = async (ms, signal) => {
  signal.throwIfAborted()
  try {
    await sleep(ms, undefined, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}

const steps = 2 ** 40

/** Uniform; not predictable, although nothing here depends on it. */
export const systemRandom: Random = () => randomInt(steps) / steps
