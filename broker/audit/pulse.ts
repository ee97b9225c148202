/** Wakes everybody who waits; nothing is kept for those who come later. */
export interface Pulse {
  beat(): void
  /** Resolves at the next beat, or at once when `signal` is or becomes aborted. */
  next(signal: AbortSignal): Promise<void>
}

export function createPulse(): Pulse {
  let waiting: (() => void)[] = []
  return Object.freeze({
    beat() {
      if (waiting.length === 0) return
      const woken = waiting
      waiting = []
      for (const wake of woken) wake()
    },
    next(signal: AbortSignal) {
      if (signal.aborted) return Promise.resolve()
      return new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener('abort', wake)
          waiting = waiting.filter((other) => other !== wake)
          resolve()
        }
        waiting.push(wake)
        signal.addEventListener('abort', wake, { once: true })
      })
    },
  })
}
