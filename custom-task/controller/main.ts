import { readProcessConfig } from '../../core/io/config-file.ts'
import { endProcess } from '../../core/io/end-process.ts'
import { createLog, parseLogLevel } from '../../core/io/log.ts'
import { createShutdown } from '../../core/io/shutdown.ts'
import { controllerConfig, exampleConfig } from './config.ts'
import { startController } from './start.ts'

const usage = `Usage: node custom-task/controller/main.ts --config FILE

Reconciles Tekton CustomRuns of kind TokenExchange and tells the broker when runs end. Environment: KUBECONFIG (default:
the ServiceAccount of the pod), POD_NAME, LOG_LEVEL (debug, info, warn, error). SIGTERM stops: running work finishes.`

await main()

async function main(): Promise<void> {
  const read = await readProcessConfig(process.argv.slice(2), {
    schema: controllerConfig,
    usage,
    example: exampleConfig,
  })
  if (read.kind !== 'config') endProcess(read.kind === 'help' ? 0 : 2, read.text)
  const config = read.value
  const log = createLog({ name: 'controller', level: parseLogLevel(process.env['LOG_LEVEL']) })
  const shutdown = createShutdown({ host: process, log, graceMs: config.shutdownGraceSeconds * 1000 })
  try {
    await startController({ config, env: process.env, log, shutdown })
  } catch (err) {
    if (shutdown.signal.aborted) return
    log.fatal({ err }, 'controller cannot start')
    process.exit(1)
  }
}
