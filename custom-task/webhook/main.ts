import { readProcessConfig } from '../../core/io/config-file.ts'
import { endProcess } from '../../core/io/end-process.ts'
import { createLog, parseLogLevel } from '../../core/io/log.ts'
import { createShutdown } from '../../core/io/shutdown.ts'
import { exampleConfig, webhookConfig } from './config.ts'
import { startWebhook } from './start.ts'

const usage = `Usage: node custom-task/webhook/main.ts --config FILE

Puts sidecars into the pods of TaskRuns that ask for tokens: a mutating admission webhook. Environment: KUBECONFIG
(default: the ServiceAccount of the pod), LOG_LEVEL (debug, info, warn, error). SIGTERM stops: what was asked is answered.`

await main()

async function main(): Promise<void> {
  const read = await readProcessConfig(process.argv.slice(2), { schema: webhookConfig, usage, example: exampleConfig })
  if (read.kind !== 'config') endProcess(read.kind === 'help' ? 0 : 2, read.text)
  const config = read.value
  const log = createLog({ name: 'webhook', level: parseLogLevel(process.env['LOG_LEVEL']) })
  const shutdown = createShutdown({ host: process, log, graceMs: config.shutdownGraceSeconds * 1000 })
  try {
    await startWebhook({ config, env: process.env, log, shutdown })
  } catch (err) {
    if (shutdown.signal.aborted) return
    log.fatal({ err }, 'webhook cannot start')
    process.exit(1)
  }
}
