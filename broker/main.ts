import { endProcess } from '../core/io/end-process.ts'
import { runProcess } from '../core/io/run-process.ts'
import { systemClock } from '../core/io/system.ts'
import { version } from '../core/version.ts'
import { brokerConfig, exampleConfig } from './config.ts'
import { startBroker } from './start.ts'
import { unsafeEnvironment } from './unsafe-environment.ts'

const usage = `Usage: node broker/main.ts --config FILE

Exchanges the identity of Tekton pods for short-lived, scoped access tokens. Every key of the file is described in
docs/reference/broker-config.md. Environment: LOG_LEVEL (debug, info, warn, error), KUBERNETES_SERVICE_HOST and _PORT.
SIGTERM stops: running requests finish, the audit stream is flushed.`

const unsafe = unsafeEnvironment(process)
if (unsafe.length > 0) endProcess(2, `The broker does not start in this environment:\n  ${unsafe.join('\n  ')}`)

await runProcess(
  {
    name: 'broker',
    schema: brokerConfig,
    usage,
    example: exampleConfig,
    // The closers keep to the seconds of the configuration themselves; this is for one that does not.
    graceMs: (config) => (config.shutdownGraceSeconds + 5) * 1000,
    async start(parts) {
      await startBroker({ ...parts, version, clock: systemClock })
      const { issuer, clusters } = parts.config
      parts.log.info({ issuer, version, clusters: clusters.length }, 'broker started')
    },
  },
  process,
)
