import { runProcess } from '../../core/io/run-process.ts'
import { exampleConfig, webhookConfig } from './config.ts'
import { startWebhook } from './start.ts'

const usage = `Usage: node custom-task/webhook/main.ts --config FILE

Puts sidecars into the pods of TaskRuns that ask for tokens: a mutating admission webhook. Environment: KUBECONFIG
(default: the ServiceAccount of the pod), LOG_LEVEL (debug, info, warn, error). SIGTERM stops: what was asked is answered.`

await runProcess(
  {
    name: 'webhook',
    schema: webhookConfig,
    usage,
    example: exampleConfig,
    graceMs: (config) => config.shutdownGraceSeconds * 1000,
    start: startWebhook,
  },
  process,
)
