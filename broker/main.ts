import { readProcessConfig } from '../core/io/config-file.ts'
import { endProcess } from '../core/io/end-process.ts'
import { createLog, parseLogLevel } from '../core/io/log.ts'
import { createShutdown } from '../core/io/shutdown.ts'
import { systemClock } from '../core/io/system.ts'
import { version } from '../core/version.ts'
import { brokerConfig, exampleConfig } from './config.ts'
import { startBroker } from './start.ts'
import { unsafeEnvironment } from './unsafe-environment.ts'

const usage = `Usage: node broker/main.ts --config FILE

Exchanges the identity of Tekton pods for short-lived, scoped access tokens. Every key of the file is described in
docs/reference/broker-config.md. Environment: LOG_LEVEL (debug, info, warn, error), KUBERNETES_SERVICE_HOST and _PORT.
SIGTERM stops: running requests finish, the audit stream is flushed.`

await main()

async function main(): Promise<void> {
  const unsafe = unsafeEnvironment(process)
  if (unsafe.length > 0) endProcess(2, `The broker does not start in this environment:\n  ${unsafe.join('\n  ')}`)
  const read = await readProcessConfig(process.argv.slice(2), { schema: brokerConfig, usage, example: exampleConfig })
  if (read.kind !== 'config') endProcess(read.kind === 'help' ? 0 : 2, read.text)
  const config = read.value
  const log = createLog({ name: 'broker', level: parseLogLevel(process.env['LOG_LEVEL']) })
  const graceMs = (config.shutdownGraceSeconds + 5) * 1000
  const shutdown = createShutdown({ host: process, log, graceMs })
  try {
    await startBroker({ config, version, env: process.env, log, clock: systemClock, shutdown })
    log.info({ issuer: config.issuer, version, clusters: config.clusters.length }, 'broker started')
  } catch (err) {
    log.fatal({ err }, 'broker cannot start')
    process.exit(1)
  }
}
