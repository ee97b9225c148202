import { randomUUID } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { type KubeClient, type KubeObject, resources } from '../../core/io/kube/api.ts'

export interface PublishOptions {
  readonly client: Pick<KubeClient, 'get' | 'patch'>
  /** Its key `ca.crt` gets the bundle. */
  readonly configMap: { readonly namespace: string; readonly name: string }
  /** Every webhook of this MutatingWebhookConfiguration gets the bundle as its `caBundle`. */
  readonly webhookConfiguration?: string
  /** This process's own copy, which its client of the broker follows. */
  readonly caFile: string
}

interface Webhook {
  readonly name: string
  readonly clientConfig?: { readonly caBundle?: string }
}

/** The place that should hold the bundle is not there. */
export class NowhereToPublish extends Error {
  override readonly name = 'NowhereToPublish'
}

/** Brings the bundle to everybody who verifies by it; writes only where it is not there already. */
export function createPublish(options: PublishOptions): (bundle: string, signal: AbortSignal) => Promise<void> {
  const { client, configMap, webhookConfiguration, caFile } = options

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

  return async function publish(bundle, signal) {
    await intoFile(bundle)
    await intoConfigMap(bundle, signal)
    if (webhookConfiguration !== undefined) await intoWebhook(webhookConfiguration, bundle, signal)
  }
}

function missing(kind: string, name: string): NowhereToPublish {
  return new NowhereToPublish(`${kind} ${name} is missing: install the chart again (helm upgrade)`)
}
