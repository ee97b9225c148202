import type { Logger } from 'pino'
import type { KubeClient } from '../core/io/kube/api.ts'
import { systemClock, systemDelay, systemRandom } from '../core/io/system.ts'
import { createKeeper } from './certificates/keeper.ts'

/** Where the certificates are kept and who serves with them. */
export interface CertificatePlaces {
  readonly namespace: string
  readonly secret: string
  readonly configMap: string
  readonly webhookConfiguration?: string | undefined
  readonly clusterInterceptor?: string | undefined
  readonly caFile: string
  readonly servers: Readonly<Record<string, readonly string[]>>
}

/**
 * Keeps the serving certificates of broker and webhook until the signal is aborted.
 *
 * @returns resolves when they are there for the first time
 * @throws the signal's reason
 */
export async function keepCertificates(
  places: CertificatePlaces,
  { client, log }: { readonly client: KubeClient; readonly log: Logger },
  signal: AbortSignal,
): Promise<void> {
  const { namespace, secret, configMap, webhookConfiguration, clusterInterceptor, caFile, servers } = places
  const keeper = createKeeper({
    client,
    secret: { namespace, name: secret },
    configMap: { namespace, name: configMap },
    ...(webhookConfiguration === undefined ? {} : { webhookConfiguration }),
    ...(clusterInterceptor === undefined ? {} : { clusterInterceptor }),
    caFile,
    servers,
    log,
    clock: systemClock,
    delay: systemDelay,
    random: systemRandom,
  })
  void keeper.run(signal)
  await keeper.ready(signal)
}
