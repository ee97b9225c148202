#!/usr/bin/env node
import { systemClock } from '../../core/io/system.ts'
import { run } from './run.ts'

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())

// A reader that went away (`tokenbroker exchanges | head`) is no failure; nor does it change what the exit code says.
let isRead = true
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error
    if (stream === process.stdout) isRead = false
  })
}

process.exitCode = await run(process.argv.slice(2), {
  out(line) {
    if (isRead) process.stdout.write(`${line}\n`)
    return isRead
  },
  note: (line) => void process.stderr.write(`${line}\n`),
  isTerminal: process.stdout.isTTY === true,
  env: process.env,
  clock: systemClock,
  signal: stop.signal,
})
