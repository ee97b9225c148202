import type { Logger } from 'pino'
import { createHttpClient } from '../../core/io/http-client.ts'
import { startServer } from '../../core/io/http-server.ts'
import { createKubeClient } from '../../core/io/kube/client.ts'
import { loadCredentials } from '../../core/io/kube/credentials.ts'
import type { Shutdown } from '../../core/io/shutdown.ts'
import { systemClock, systemDelay, systemRandom } from '../../core/io/system.ts'
import { createUuidV7 } from '../../core/io/uuid.ts'
import { createBrokerClient } from '../broker-client.ts'
import { createTokenFile } from '../broker-client-token-file.ts'
import { createController } from './app.ts'
import type { ControllerConfig } from './config.ts'
import { createHealth } from './health.ts'

export interface StartOptions {
  readonly config: ControllerConfig
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  readonly shutdown: Shutdown
}

/** One try of a decision, which may ask the API server many questions. */
const brokerTimeoutMs = 10_000
/** Probes and scrapes; nobody is waited for longer. */
const healthGraceMs = 1000

/** Joins the controller with the machine and works until the shutdown. Health answers from the first moment on. */
export async function startController({ config, env, log, shutdown }: StartOptions): Promise<void> {
  const onError = (err: unknown): void => log.warn({ err }, 'file not read again')
  const { url, caFile, tokenFile } = config.broker
  const http = createHttpClient({
    ...(caFile === undefined ? {} : { ca: { file: caFile } }),
    timeoutMs: brokerTimeoutMs,
    onError,
  })
  const broker = createBrokerClient({ url, http, ownToken: createTokenFile(tokenFile), clock: systemClock })
  const kubeconfig = config.kubeconfig ?? env['KUBECONFIG']
  const credentials = await loadCredentials({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(config.context === undefined ? {} : { context: config.context }),
    env,
    setting: 'kubeconfig of its configuration, or KUBECONFIG',
  })
  const kube = createKubeClient({ credentials, onError })
  const controller = createController(
    {
      kube,
      broker,
      log,
      clock: systemClock,
      delay: systemDelay,
      random: systemRandom,
      newId: createUuidV7(systemClock),
    },
    {
      namespace: config.namespace,
      concurrency: config.concurrency,
      instance: env['POD_NAME'] ?? env['HOSTNAME'] ?? 'controller',
    },
  )
  const health = await startServer(createHealth(controller), { ...config.health, onError })
  log.info({ health_url: health.url, broker_url: url, concurrency: config.concurrency }, 'controller started')

  shutdown.onShutdown('work', (deadline) => controller.stop(deadline))
  shutdown.onShutdown('health', () => health.close(healthGraceMs))
  shutdown.onShutdown('clients', async () => {
    await Promise.all([kube.close(), http.close()])
  })
  await controller.start(shutdown.signal)
}
