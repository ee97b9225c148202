import { setTimeout as pause } from 'node:timers/promises'

export interface WaitOptions {
  readonly timeoutMs?: number
  readonly intervalMs?: number
}

/**
 * Polls `probe` until it gives something truthy, and gives that back.
 *
 * What the probe reports, or throws, is the last known state; a timeout shows it, so that a failed test says what it
 * saw instead of only what it missed.
 */
export async function waitFor<T>(
  description: string,
  probe: (report: (state: unknown) => void) => Promise<T | undefined | null | false> | T | undefined | null | false,
  options: WaitOptions = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 60_000
  const deadline = performance.now() + timeoutMs
  let last: unknown = 'the probe reported nothing'
  do {
    try {
      const answer = await probe((state) => {
        last = state
      })
      if (answer) return answer
    } catch (error) {
      if (error instanceof GiveUp) throw new Error(`${description}: ${error.message}`)
      last = error
    }
    await pause(options.intervalMs ?? 100)
  } while (performance.now() < deadline)
  throw new Error(`${description}: not within ${timeoutMs} ms; last state: ${show(last)}`)
}

/** Thrown by a probe when waiting longer is pointless. */
export class GiveUp extends Error {
  override readonly name = 'GiveUp'
}

function show(state: unknown): string {
  if (state instanceof Error)
    return state.cause instanceof Error ? `${state.message}: ${state.cause.message}` : state.message
  return typeof state === 'string' ? state : JSON.stringify(state, undefined, 2)
}
