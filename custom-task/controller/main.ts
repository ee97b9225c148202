import { runProcess } from '../../core/io/run-process.ts'
import { controllerConfig, exampleConfig } from './config.ts'
import { startController } from './start.ts'

const usage = `Usage: node custom-task/controller/main.ts --config FILE

Reconciles Tekton CustomRuns of kind TokenExchange and tells the broker when runs end. Environment: KUBECONFIG (default:
the ServiceAccount of the pod), POD_NAME, LOG_LEVEL (debug, info, warn, error). SIGTERM stops: running work finishes.`

await runProcess(
  {
    name: 'controller',
    schema: controllerConfig,
    usage,
    example: exampleConfig,
    graceMs: (config) => config.shutdownGraceSeconds * 1000,
    start: startController,
  },
  process,
)
