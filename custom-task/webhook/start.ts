import type { Logger } from 'pino'
import { startServer } from '../../core/io/http-server.ts'
import { createKubeClient } from '../../core/io/kube/client.ts'
import { loadCredentials } from '../../core/io/kube/credentials.ts'
import type { Shutdown } from '../../core/io/shutdown.ts'
import { systemClock, systemDelay } from '../../core/io/system.ts'
import { createHealth } from '../health.ts'
import { createAdmissionApp } from './admission-app.ts'
import type { WebhookConfig } from './config.ts'
import { createDecide } from './decide.ts'
import { createWebhookMetrics } from './metrics.ts'
import { createSettings } from './settings-source.ts'
import { waitForFiles } from './wait-for-files.ts'

export interface StartOptions {
  readonly config: WebhookConfig
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  readonly shutdown: Shutdown
}

/** Probes and scrapes; nobody is waited for longer. */
const healthGraceMs = 1000
/** A decision, at most; the API server waits 2 s. */
const deadlineMs = 900
const admissionLimits = { headersTimeoutMs: 2000, requestTimeoutMs: 2000, maxConnections: 256 }

/** Joins the webhook with the machine and serves until the shutdown. Health answers from the first moment on. */
export async function startWebhook({ config, env, log, shutdown }: StartOptions): Promise<void> {
  const onError = (err: unknown): void => log.warn({ err }, 'background work failed')
  const kubeconfig = config.kubeconfig ?? env['KUBECONFIG']
  const credentials = await loadCredentials({ kubeconfig, context: config.context, env })
  const kube = createKubeClient({ credentials, onError })
  const metrics = createWebhookMetrics()
  let isServing = false
  const isReady = (): boolean => isServing && !shutdown.signal.aborted
  const health = await startServer(createHealth({ isReady, notReady: 'not serving', metrics }), {
    ...config.health,
    onError,
  })

  const { tls, ...listenOn } = config.listener
  const { caFile } = config.broker
  await waitForFiles(
    [tls.certFile, tls.keyFile, ...(caFile === undefined ? [] : [caFile])],
    { delay: systemDelay, log },
    shutdown.signal,
  )
  const settings = createSettings(config, { clock: systemClock, onError })
  await settings.current()
  const lifetime = new AbortController()
  const app = createAdmissionApp({
    decide: createDecide({ kube, settings, log }),
    metrics,
    log,
    monotonicMs: () => performance.now(),
    lifetime: lifetime.signal,
    deadlineMs,
  })
  const server = await startServer(app, { ...listenOn, tls, limits: admissionLimits, onError })
  isServing = true
  log.info({ url: server.url, health_url: health.url, image: config.sidecar.image }, 'webhook started')

  shutdown.onShutdown('drain', (deadline) => systemDelay(config.drainSeconds * 1000, deadline))
  shutdown.onShutdown('admission', async (deadline) => {
    deadline.addEventListener('abort', () => lifetime.abort(deadline.reason), { once: true })
    await server.close(deadlineMs)
  })
  shutdown.onShutdown('health', () => health.close(healthGraceMs))
  shutdown.onShutdown('client', () => kube.close())
}
