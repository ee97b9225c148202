import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { parse as parseYaml } from 'yaml'
import { explainConfigIssues, parseConfig } from '../core/config-file.ts'
import { createLog } from '../core/io/log.ts'
import { createShutdown } from '../core/io/shutdown.ts'
import { systemClock } from '../core/io/system.ts'
import { type BrokerConfig, brokerConfig, exampleConfig } from './config.ts'
import { startBroker } from './start.ts'
import { unsafeEnvironment } from './unsafe-environment.ts'
import { version } from './version.ts'

const usage = `Usage: node broker/main.ts --config FILE

Exchanges the identity of Tekton pods for short-lived, scoped access tokens. Every key of the file is described in
docs/reference/broker-config.md. Environment: LOG_LEVEL (debug, info, warn, error), KUBERNETES_SERVICE_HOST and _PORT.
SIGTERM stops: running requests finish, the audit stream is flushed.`

await main()

async function main(): Promise<void> {
  const unsafe = unsafeEnvironment(process.env)
  if (unsafe.length > 0) fail(`The broker does not start in this environment:\n  ${unsafe.join('\n  ')}`)
  const config = await readConfig()
  const log = createLog({ name: 'broker', level: logLevel(process.env['LOG_LEVEL']) })
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

async function readConfig(): Promise<BrokerConfig> {
  const file = configFile()
  const document = await readFile(file, 'utf8')
    .then((text) => parseYaml(text, { maxAliasCount: 0 }) as unknown)
    .catch((cause: unknown) => fail(`${file} cannot be read: ${cause instanceof Error ? cause.message : 'unknown'}`))
  const parsed = parseConfig(brokerConfig, document)
  return parsed.ok ? parsed.value : fail(explainConfigIssues(file, parsed.issues, exampleConfig))
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

function logLevel(text: string | undefined): 'debug' | 'info' | 'warn' | 'error' {
  const levels = ['debug', 'info', 'warn', 'error'] as const
  return levels.find((level) => level === text) ?? 'info'
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
