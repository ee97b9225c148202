import { randomFillSync, randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import { createHttpClient, type HttpClient } from '../../core/io/http-client.ts'
import { startServer } from '../../core/io/http-server.ts'
import type { KubeClient } from '../../core/io/kube/api.ts'
import { createKubeClient } from '../../core/io/kube/client.ts'
import { loadCredentials } from '../../core/io/kube/credentials.ts'
import { createLeaderElection, type LeaderElection } from '../../core/io/kube/leader-election.ts'
import type { Shutdown } from '../../core/io/shutdown.ts'
import { systemClock, systemDelay, systemRandom } from '../../core/io/system.ts'
import { createUuidV7 } from '../../core/io/uuid.ts'
import { createBrokerClient } from '../broker-client.ts'
import { createTokenFile } from '../broker-client-token-file.ts'
import { createHealth } from '../health.ts'
import { keepCertificates } from '../keep-certificates.ts'
import { createController } from './app.ts'
import type { ControllerConfig } from './config.ts'
import { fenced } from './fence.ts'
import { createLead } from './lead.ts'
import { newSecretName } from './secrets/secret-name.ts'

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
export async function startController(options: StartOptions): Promise<void> {
  const { config, env, log, shutdown } = options
  const onError = (err: unknown): void => log.warn({ err }, 'file not read again')
  const { caFile } = config.broker
  const http = createHttpClient({
    ...(caFile === undefined ? {} : { ca: { file: caFile } }),
    timeoutMs: brokerTimeoutMs,
    onError,
  })
  const kube = await connect(options, onError)
  const instance = env['POD_NAME'] ?? env['HOSTNAME'] ?? 'controller'
  const lead = createLead({ election: electionOf(options, kube), log, shutdown })
  const controller = assemble(options, { kube: fenced(kube, lead.isHeld), http, instance })
  const isReady = (): boolean => (lead.isHeld() ? controller.isReady() : lead.isStandingBy())
  const health = await startServer(
    createHealth({ isReady, notReady: 'caches are not filled', metrics: controller.metrics }),
    {
      ...config.health,
      onError,
    },
  )
  log.info(
    { health_url: health.url, broker_url: config.broker.url, concurrency: config.concurrency },
    'controller started',
  )

  shutdown.onShutdown('work', (deadline) => controller.stop(deadline))
  shutdown.onShutdown('lease', (deadline) => lead.release(deadline))
  shutdown.onShutdown('health', () => health.close(healthGraceMs))
  shutdown.onShutdown('clients', async () => {
    await Promise.all([kube.close(), http.close()])
  })
  await lead.begin()
  if (config.certificates !== undefined)
    await keepCertificates(config.certificates, { client: fenced(kube, lead.isHeld), log }, shutdown.signal)
  await controller.start(shutdown.signal)
}

async function connect({ config, env }: StartOptions, onError: (err: unknown) => void): Promise<KubeClient> {
  const kubeconfig = config.kubeconfig ?? env['KUBECONFIG']
  const credentials = await loadCredentials({
    kubeconfig,
    context: config.context,
    env,
    setting: 'kubeconfig of its configuration, or KUBECONFIG',
  })
  return createKubeClient({ credentials, onError })
}

function electionOf({ config, env, log }: StartOptions, client: KubeClient): LeaderElection | undefined {
  if (config.leaderElection === undefined) return undefined
  const { namespace, lease: name } = config.leaderElection
  const pod = env['POD_NAME']
  return createLeaderElection({
    client,
    lease: { namespace, name },
    identity: `${pod ?? 'controller'}_${randomUUID()}`,
    // A container is started again after its process ended, never beside it.
    isPredecessor: (holder) => pod !== undefined && holder.startsWith(`${pod}_`),
    log,
  })
}

function assemble(
  { config, log }: StartOptions,
  { kube, http, instance }: { readonly kube: KubeClient; readonly http: HttpClient; readonly instance: string },
) {
  const { url, tokenFile } = config.broker
  const broker = createBrokerClient({ url, http, ownToken: createTokenFile(tokenFile), clock: systemClock })
  const newId = createUuidV7(systemClock)
  return createController(
    {
      kube,
      broker,
      log,
      clock: systemClock,
      delay: systemDelay,
      random: systemRandom,
      newId,
      newSecretName: () => newSecretName(randomFillSync),
    },
    {
      namespace: config.namespace,
      concurrency: config.concurrency,
      secretDelivery: config.secretDelivery,
      instance,
    },
  )
}
