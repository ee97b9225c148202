import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { type Delay, type Random, systemClock, systemDelay, systemRandom } from '../system.ts'
import { createKeyBackoff } from './key-backoff.ts'
import { createTimedKeys } from './timed-keys.ts'

export interface WorkQueueOptions {
  /**
   * Does the work of one key. A throw is logged and the key comes again, later each time; success forgets its failures.
   * The signal is aborted when a shutdown runs out of patience.
   */
  readonly process: (key: string, signal: AbortSignal) => Promise<void>
  readonly log: Logger
  /** How many keys are worked on at once. Default 4. */
  readonly concurrency?: number
  readonly clock?: Clock
  readonly delay?: Delay
  readonly random?: Random
}

/** Keys to work on, each at most once at a time and, however often it is added, once more afterwards. */
export interface WorkQueue {
  add(key: string): void
  /** Adds the key after `ms`; of several delays the earliest counts. */
  addAfter(key: string, ms: number): void
  /** Adds the key after 5 ms, doubling to 60 s with each call since `forget`, with jitter. */
  addRateLimited(key: string): void
  forget(key: string): void
  /** For metrics: keys that wait, that wait for their time, and that are worked on. */
  depth(): { readonly waiting: number; readonly delayed: number; readonly running: number }
  /**
   * Takes nothing more, drops what has not begun, and resolves when everything that runs has ended. When `deadline` is
   * aborted the running work is told to stop.
   */
  shutDown(deadline: AbortSignal): Promise<void>
}

/** Makes a queue; it works from the first `add` on. */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { log, concurrency = 4, clock = systemClock, delay = systemDelay, random = systemRandom } = options
  const waiting = new Set<string>()
  const running = new Map<string, Promise<void>>()
  const again = new Set<string>() // added while they ran
  const backoff = createKeyBackoff(random)
  const delayed = createTimedKeys(add, clock, delay)
  const stopping = new AbortController()
  let isOpen = true

  function add(key: string): void {
    if (!isOpen) return
    if (running.has(key)) again.add(key)
    else waiting.add(key)
    // Behind the caller's turn: whoever adds a key many times in one go means it once.
    queueMicrotask(startNext)
  }

  function startNext(): void {
    for (const key of waiting) {
      if (running.size >= concurrency) return
      waiting.delete(key)
      running.set(key, work(key))
    }
  }

  async function work(key: string): Promise<void> {
    // First `startNext` notes that the key runs; work that throws at once would else be noted as running for ever.
    await Promise.resolve()
    try {
      await options.process(key, stopping.signal)
      backoff.forget(key)
    } catch (error) {
      if (!stopping.signal.aborted) log.warn({ err: error, key }, 'work failed')
      addAfter(key, backoff.next(key))
    } finally {
      running.delete(key)
      if (again.delete(key)) add(key)
      queueMicrotask(startNext)
    }
  }

  function addAfter(key: string, ms: number): void {
    if (ms <= 0) add(key)
    else if (isOpen) delayed.add(key, ms)
  }

  return Object.freeze({
    add,
    addAfter,
    addRateLimited: (key: string) => addAfter(key, backoff.next(key)),
    forget: backoff.forget,
    depth: () => ({ waiting: waiting.size, delayed: delayed.size(), running: running.size }),
    async shutDown(deadline: AbortSignal): Promise<void> {
      isOpen = false
      for (const keys of [waiting, again, delayed]) keys.clear()
      await abortAt(deadline, stopping, Promise.all(running.values()))
    },
  })
}

/** Waits for what runs; when `deadline` is aborted first, so is `controller`. */
async function abortAt(deadline: AbortSignal, controller: AbortController, running: Promise<unknown>): Promise<void> {
  const giveUp = (): void => controller.abort(deadline.reason)
  if (deadline.aborted) giveUp()
  deadline.addEventListener('abort', giveUp, { once: true })
  await running
  deadline.removeEventListener('abort', giveUp)
}
