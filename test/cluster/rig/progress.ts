const began = performance.now()

/** One line on stderr, with the seconds since this process began; stdout stays free for results. */
export function say(message: string): void {
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5)
  process.stderr.write(`[cluster ${seconds} s] ${message}\n`)
}

/** A failure whose message already says what to do about it: shown without a stack trace. */
export class RigError extends Error {
  override name = 'RigError'
}

/** Ends the process with the failure in plain words. */
export function fail(error: unknown): never {
  const text =
    error instanceof RigError ? error.message : error instanceof Error ? (error.stack ?? error.message) : error
  process.stderr.write(`\n[cluster] FAILED: ${text}\n`)
  process.exit(1)
}
