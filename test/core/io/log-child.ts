import { createLog } from '../../../core/io/log.ts'

// Argument: what happens right after the line was logged.
const [ending] = process.argv.slice(2)
const log = createLog({ name: 'child' })

log.info('first')
if (ending === 'exit') process.exit(0)
if (ending === 'uncaught') throw new Error('nobody catches this')
if (ending === 'killed-after-warning') {
  log.warn('second')
  process.kill(process.pid, 'SIGKILL')
}
if (ending === 'speaks-at-its-end') {
  setInterval(() => undefined, 60_000)
  process.once('SIGTERM', () => {
    log.warn('second')
    process.exit(0)
  })
}
if (ending === 'goes-on') setInterval(() => undefined, 60_000)
