import { writeFile } from 'node:fs/promises'
import { createLog, parseLogLevel } from '../../core/io/log.ts'
import { systemClock, systemDelay, systemRandom } from '../../core/io/system.ts'
import { createBrokerClient } from '../broker-client.ts'
import { createLeanHttp } from '../broker-client-lean-http.ts'
import { createTokenFile } from '../broker-client-token-file.ts'
import { startSidecar } from './app.ts'
import { ConfigError, formatProblems, parseConfig } from './config.ts'
import type { SidecarConfig } from './config-schema.ts'
import { readConfig, UsageError, usage } from './config-source.ts'
import { lastWords } from './last-words.ts'
import { ListenError } from './listeners.ts'
import { TokenDirectoryError } from './token-directory.ts'

/** One try of an exchange, an upstream provider behind the broker included. */
const brokerTimeoutMs = 8000

// First of all: the pod may be deleted while we start, and its end waits for ours.
const stopping = Promise.withResolvers<string>()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stopping.resolve(name))

await main()

async function main(): Promise<void> {
  try {
    const read = await readConfig(process.argv.slice(2))
    if (read === 'help') {
      process.stdout.write(usage)
      process.exit(0)
    }
    await run(parseConfig(read.value))
  } catch (error) {
    if (error instanceof UsageError) fail(`One of --config and --config-json, and nothing beside it\n\n${usage}`, 2)
    if (error instanceof ConfigError)
      fail(`The configuration of the sidecar cannot be used:\n${formatProblems(error.problems)}`)
    if (error instanceof TokenDirectoryError) fail(`${error.message}\n`)
    if (error instanceof ListenError) fail(`The sidecar cannot start: ${error.message}\n`)
    throw error
  }
}

async function run(config: SidecarConfig): Promise<never> {
  const log = createLog({ name: 'sidecar', level: parseLogLevel(process.env['LOG_LEVEL']) })
  const { url, ca, caFile, tokenFile } = config.broker
  const http = createLeanHttp({
    ...(ca === undefined ? {} : { ca: { pem: ca } }),
    ...(caFile === undefined ? {} : { ca: { file: caFile } }),
    timeoutMs: brokerTimeoutMs,
    onError: (err) => log.warn({ err }, 'certificate authorities not read again'),
    clock: systemClock,
    delay: systemDelay,
    random: systemRandom,
  })
  const broker = createBrokerClient({ url, http, ownToken: createTokenFile(tokenFile), clock: systemClock })
  const deps = { broker, clock: systemClock, delay: systemDelay, random: systemRandom, log }
  const sidecar = await startSidecar(config, deps)
  const signal = await stopping.promise
  const words = lastWords(sidecar.reports())
  if (config.messageFile !== undefined && words !== '')
    await writeFile(config.messageFile, words).catch((err: unknown) => log.warn({ err }, 'last words not written'))
  await sidecar.stop()
  log.info({ signal }, 'sidecar stopped')
  process.exit(0)
}

function fail(text: string, code = 1): never {
  process.stderr.write(text)
  process.exit(code)
}
