import { randomUUID } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { type KubeClient, type KubeObject, resources } from '../../core/io/kube/api.ts'

export interface PublishOptions {
  readonly client: Pick<KubeClient, 'get' | 'patch'>
  /** Its key `ca.crt` gets the bundle. */
  readonly configMap: { readonly namespace: string; readonly name: string }
  /** Every webhook of this MutatingWebhookConfiguration gets the bundle as its `caBundle`. */
  readonly webhookConfiguration?: string
  /** This ClusterInterceptor gets the bundle as its `caBundle`. @see {@link createPublish} */
  readonly clusterInterceptor?: string
  /** Told of a place that is not there, and that may be missing. */
  readonly onMissing?: (place: string) => void
  /** This process's own copy, which its client of the broker follows. */
  readonly caFile: string
}

interface Webhook {
  readonly name: string
  readonly clientConfig?: { readonly caBundle?: string }
}

interface Interceptor extends KubeObject {
  readonly spec?: { readonly clientConfig?: { readonly caBundle?: string } }
}

/** The place that should hold the bundle is not there. */
export class NowhereToPublish extends Error {
  override readonly name = 'NowhereToPublish'
}

/** Label that makes EventListeners trust the bundle of a ClusterInterceptor. */
const overTls = { 'server/type': 'https' } as const

/**
 * Brings the bundle to everybody who verifies by it; writes only where it is not there already.
 *
 * A ClusterInterceptor gets label and bundle in one write: with the label and without a bundle, it keeps every
 * EventListener of the cluster from starting. Where it is gone, as when Triggers was uninstalled, the rest goes on.
 */
export function createPublish(options: PublishOptions): (bundle: string, signal: AbortSignal) => Promise<void> {
  const { client, configMap, webhookConfiguration, clusterInterceptor, caFile, onMissing } = options

  async function intoFile(bundle: string): Promise<void> {
    const present = await readFile(caFile, 'utf8').catch(() => '')
    if (present === bundle) return
    const unfinished = `${caFile}.${randomUUID()}`
    await writeFile(unfinished, bundle, { mode: 0o644 })
    await rename(unfinished, caFile)
  }

  async function intoConfigMap(bundle: string, signal: AbortSignal): Promise<void> {
    const found = await client.get<KubeObject & { data?: Record<string, string> }>(
      resources.configMaps,
      configMap,
      signal,
    )
    if (found === undefined) throw missing('ConfigMap', configMap.name)
    if (found.data?.['ca.crt'] === bundle) return
    await client.patch(resources.configMaps, configMap, { data: { 'ca.crt': bundle } }, { type: 'merge' }, signal)
  }

  async function intoWebhook(name: string, bundle: string, signal: AbortSignal): Promise<void> {
    const resource = resources.mutatingWebhookConfigurations
    const found = await client.get<KubeObject & { webhooks?: readonly Webhook[] }>(resource, { name }, signal)
    if (found === undefined) throw missing('MutatingWebhookConfiguration', name)
    const caBundle = Buffer.from(bundle).toString('base64')
    const operations = (found.webhooks ?? []).flatMap((webhook, index) =>
      webhook.clientConfig?.caBundle === caBundle
        ? []
        : [
            // Somebody may have put another webhook in this place meanwhile.
            { op: 'test', path: `/webhooks/${index}/name`, value: webhook.name },
            { op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle },
          ],
    )
    if (operations.length > 0) await client.patch(resource, { name }, operations, { type: 'json' }, signal)
  }

  async function intoInterceptor(name: string, bundle: string, signal: AbortSignal): Promise<void> {
    const resource = resources.clusterInterceptors
    const found = await client.get<Interceptor>(resource, { name }, signal)
    if (found === undefined) {
      onMissing?.(`ClusterInterceptor ${name}`)
      return
    }
    const caBundle = Buffer.from(bundle).toString('base64')
    const isLabelled = found.metadata.labels?.['server/type'] === overTls['server/type']
    if (isLabelled && found.spec?.clientConfig?.caBundle === caBundle) return
    const body = { metadata: { labels: overTls }, spec: { clientConfig: { caBundle } } }
    await client.patch(resource, { name }, body, { type: 'merge' }, signal)
  }

  return async function publish(bundle, signal) {
    await intoFile(bundle)
    await intoConfigMap(bundle, signal)
    if (webhookConfiguration !== undefined) await intoWebhook(webhookConfiguration, bundle, signal)
    if (clusterInterceptor !== undefined) await intoInterceptor(clusterInterceptor, bundle, signal)
  }
}

function missing(kind: string, name: string): NowhereToPublish {
  return new NowhereToPublish(`${kind} ${name} is missing: install the chart again (helm upgrade)`)
}
