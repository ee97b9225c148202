import type { Logger } from 'pino'

/** The part of `process` that a shutdown needs. */
export interface ProcessHost {
  on(event: string, listener: (argument: unknown) => void): unknown
  exit(code: number): void
}

export interface ShutdownOptions {
  readonly host: ProcessHost
  readonly log: Logger
  /** For all closers together; below `terminationGracePeriodSeconds` of the pod. Default 25 s. */
  readonly graceMs?: number
}

/** Ends one step of the process; `deadline` is aborted when the grace period is over. */
export type Closer = (deadline: AbortSignal) => Promise<void>

export interface Shutdown {
  /** Aborted on the first SIGTERM or SIGINT: no new work from here on. */
  readonly signal: AbortSignal
  /** Adds a step. Steps run one after the other in the order in which they were added; one that throws stops none. */
  onShutdown(name: string, close: Closer): void
  /** Does what the signal does; for a process that ends by itself. Resolves before `exit`. */
  begin(reason: string): Promise<void>
}

/**
 * Ends the process in order: exit code 0 when every step ended in the grace period, else 1. A second signal ends it at
 * once. An exception that nobody caught is logged, without the fields that libraries hang on theirs, and ends it with 1.
 */
export function createShutdown({ host, log, graceMs = 25_000 }: ShutdownOptions): Shutdown {
  const stopping = new AbortController()
  const closers: { readonly name: string; readonly close: Closer }[] = []

  async function begin(reason: string): Promise<void> {
    if (stopping.signal.aborted) return
    log.info({ reason }, 'stopping')
    stopping.abort(new DOMException('The process is stopping', 'AbortError'))
    const code = await closeAll(closers, graceMs, log)
    log.info({ code }, 'stopped')
    host.exit(code)
  }

  for (const name of ['SIGTERM', 'SIGINT']) {
    host.on(name, () => {
      if (stopping.signal.aborted) host.exit(1)
      else void begin(name)
    })
  }
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    host.on(event, (error) => {
      log.fatal({ err: error }, event)
      host.exit(1)
    })
  }
  return Object.freeze({
    signal: stopping.signal,
    onShutdown: (name: string, close: Closer) => void closers.push({ name, close }),
    begin,
  })
}

async function closeAll(
  closers: readonly { readonly name: string; readonly close: Closer }[],
  graceMs: number,
  log: Logger,
): Promise<number> {
  const deadline = new AbortController()
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(() => {
    deadline.abort(new DOMException('The grace period is over', 'TimeoutError'))
    late.resolve()
  }, graceMs)
  let code = 0
  for (const { name, close } of closers) {
    try {
      // A step that ignores its deadline must not keep the ones behind it, such as the audit flush, from their turn.
      await Promise.race([close(deadline.signal), late.promise])
    } catch (error) {
      log.error({ err: error, step: name }, 'shutdown step failed')
      code = 1
    }
  }
  clearTimeout(timer)
  return deadline.signal.aborted ? 1 : code
}
