import { type DestinationStream, pino } from 'pino'

/** Lines below `warn` wait for more of them at most so long, or until they fill the buffer. */
const gatherMs = 100
const gatherBytes = 8 * 1024
const warn = 40

/**
 * Standard output for a log. A write for each line would cost an exchange more than its signature, so lines are gathered
 * for a tenth of a second; from `warn` on, at `fatal` and at the end of the process everything is written at once. Only
 * SIGKILL can take the last moment's lines with it, and no record is among them: that is the audit stream.
 */
export function createLogDestination(): DestinationStream & { flushSync(): void } {
  const output = pino.destination({ dest: 1, sync: true, minLength: gatherBytes })
  let timer: NodeJS.Timeout | undefined

  function flushSync(): void {
    clearTimeout(timer)
    timer = undefined
    output.flushSync()
  }

  flushAtExit(flushSync)
  return {
    // Asks pino to say the level of each line, in the member below. @see pino docs, `pino.metadata`
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write(line: string): void {
      output.write(line)
      if (this.lastLevel >= warn) flushSync()
      else timer ??= setTimeout(flushSync, gatherMs).unref()
    },
    flushSync,
  } as DestinationStream & { lastLevel: number; flushSync(): void }
}

/** Of all destinations of the process: a listener for each would be a leak by Node's count. */
const atExit: (() => void)[] = []

function flushAtExit(flush: () => void): void {
  if (atExit.length === 0) {
    process.once('exit', () => {
      for (const one of atExit) one()
    })
  }
  atExit.push(flush)
}
