import { writeSync } from 'node:fs'
import type { DestinationStream } from 'pino'
import { errorCode } from './error-code.ts'

/** Lines below `warn` wait for more of them at most so long, or until they fill the buffer. */
const gatherMs = 100
const gatherBytes = 8 * 1024
const warn = 40
/** What waits at most for a reader that takes nothing for now; lines on top of it are lost. */
const behindBytes = 1024 * 1024
/** At the end of the process such a reader is waited for: so often, so long each time. */
const lastTries = 20
const lastPauseMs = 50
const standardOutput = 1

/** `fs.writeSync`, as far as it is used here. */
export type WriteSync = (descriptor: number, bytes: Uint8Array) => number

/**
 * Standard output for a log. A write for each line would cost an exchange more than its signature, so lines are gathered
 * for a tenth of a second; from `warn` on, at `fatal` and at the end of the process everything is written at once. Only
 * SIGKILL can take the last moment's lines with it, and no record is among them: that is the audit stream.
 *
 * A reader that has gone, or a full disk behind it, costs lines and nothing else. pino's own destination would repeat
 * such a write until it succeeds, in a loop that no signal gets into.
 *
 * @see sonic-boom, `flushSync`
 */
export function createLogDestination(write: WriteSync = writeSync): DestinationStream & { flushSync(): void } {
  let held = ''
  let behind: Uint8Array = new Uint8Array()
  let timer: NodeJS.Timeout | undefined

  function flushSync(): void {
    clearTimeout(timer)
    timer = undefined
    const bytes = Buffer.from(held)
    held = ''
    behind = writeAll(behind.length === 0 ? bytes : Buffer.concat([behind, bytes]), write)
    if (behind.length > 0) flushLater()
  }

  function flushLater(): void {
    timer ??= setTimeout(flushSync, gatherMs).unref()
  }

  flushAtExit(() => {
    flushSync()
    for (let tries = 0; behind.length > 0 && tries < lastTries; tries += 1) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lastPauseMs)
      flushSync()
    }
  })
  return {
    // Asks pino to say the level of each line, in the member below. @see pino docs, `pino.metadata`
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write(line: string): void {
      if (behind.length > behindBytes) return
      held += line
      const isDue = this.lastLevel >= warn || held.length >= gatherBytes
      if (isDue && behind.length === 0) flushSync()
      else flushLater()
    },
    flushSync,
  } as DestinationStream & { lastLevel: number; flushSync(): void }
}

/** @returns what a reader that is behind did not take */
function writeAll(bytes: Uint8Array, write: WriteSync): Uint8Array {
  let rest = bytes
  try {
    while (rest.length > 0) rest = rest.subarray(write(standardOutput, rest))
    return rest
  } catch (error) {
    return errorCode(error) === 'EAGAIN' ? rest : rest.subarray(rest.length)
  }
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
