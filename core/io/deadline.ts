/**
 * Runs an operation that ends at the latest after `ms`, or when `signal` is aborted: its own signal is aborted then,
 * with a `TimeoutError` or the outer reason. Unlike `AbortSignal.any` with `AbortSignal.timeout` it leaves no timer and
 * no listener behind, which counts at a thousand calls a second.
 */
export async function withDeadline<T>(
  ms: number,
  signal: AbortSignal,
  operation: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const inner = new AbortController()
  const timer = setTimeout(() => inner.abort(new DOMException(`No answer within ${ms} ms`, 'TimeoutError')), ms)
  const onAbort = (): void => inner.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await operation(inner.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * One deadline for all operations that begin in the same slice of time: their signals are aborted `ms` from now, or up to
 * a fortieth of that later. For what begins thousands of times a second, where a timer and a signal for each cost more
 * than some of the operations.
 */
export function createSharedDeadline(
  ms: number,
  monotonicMs: () => number = () => performance.now(),
): () => AbortSignal {
  const sliceMs = ms / 40
  let signal: AbortSignal | undefined
  let sliceEndsMs = 0

  return function sharedDeadline() {
    const now = monotonicMs()
    if (signal !== undefined && now < sliceEndsMs) return signal
    sliceEndsMs = now + sliceMs
    signal = AbortSignal.timeout(Math.ceil(ms + sliceMs))
    return signal
  }
}
