import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { parse as parseYaml } from 'yaml'
import { explainConfigIssues, parseConfig } from '../../core/config-file.ts'
import { createLog, type LogLevel } from '../../core/io/log.ts'
import { createShutdown } from '../../core/io/shutdown.ts'
import { type ControllerConfig, controllerConfig, exampleConfig } from './config.ts'
import { startController } from './start.ts'

const usage = `Usage: node custom-task/controller/main.ts --config FILE

Reconciles Tekton CustomRuns of kind TokenExchange and tells the broker when runs end. Environment: KUBECONFIG (default:
the ServiceAccount of the pod), POD_NAME, LOG_LEVEL (debug, info, warn, error). SIGTERM stops: running work finishes.`

await main()

async function main(): Promise<void> {
  const config = await readConfig()
  const log = createLog({ name: 'controller', level: logLevel(process.env['LOG_LEVEL']) })
  const shutdown = createShutdown({ host: process, log, graceMs: config.shutdownGraceSeconds * 1000 })
  try {
    await startController({ config, env: process.env, log, shutdown })
  } catch (err) {
    if (shutdown.signal.aborted) return
    log.fatal({ err }, 'controller cannot start')
    process.exit(1)
  }
}

async function readConfig(): Promise<ControllerConfig> {
  const file = configFile()
  const text = await readFile(file, 'utf8').catch((cause: unknown) =>
    fail(`${file} cannot be read: ${cause instanceof Error ? cause.message : 'unknown'}`),
  )
  const parsed = parseConfig(controllerConfig, parseDocument(text, file))
  return parsed.ok ? parsed.value : fail(explainConfigIssues(file, parsed.issues, exampleConfig))
}

function parseDocument(text: string, file: string): unknown {
  try {
    return parseYaml(text, { maxAliasCount: 0 })
  } catch {
    // The parser's message quotes the file, which may hold what should not be in a log.
    return fail(`${file} is no YAML`)
  }
}

function configFile(): string {
  try {
    const { values } = parseArgs({ options: { config: { type: 'string' }, help: { type: 'boolean', short: 'h' } } })
    if (values.help) {
      process.stdout.write(`${usage}\n`)
      process.exit(0)
    }
    return values.config ?? fail(`--config is missing\n\n${usage}`)
  } catch (cause) {
    return fail(`${cause instanceof Error ? cause.message : 'wrong arguments'}\n\n${usage}`)
  }
}

function logLevel(text: string | undefined): LogLevel {
  const levels = ['debug', 'info', 'warn', 'error'] as const
  return levels.find((level) => level === text) ?? 'info'
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
