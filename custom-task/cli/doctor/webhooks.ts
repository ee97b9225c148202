import type { z } from 'zod'
import { resources } from '../../../core/io/kube/api.ts'
import { webhookSettingsOf } from './installation.ts'
import { webhookConfigurationShape } from './shapes.ts'
import type { Site } from './site.ts'

type Webhook = z.output<typeof webhookConfigurationShape>['webhooks'][number]

const names = new Set([
  'inject.tokenbroker.dev',
  'inject-required.tokenbroker.dev',
  'initiator.tokenbroker.dev',
  'suspension.tokenbroker.dev',
])

/**
 * The MutatingWebhookConfiguration of this installation: the one that leads to its namespace.
 *
 * @throws NotInstalled where the chart was installed without the webhook, or somebody deleted the configuration
 */
export async function registeredWebhooks(
  site: Site,
): Promise<{ readonly name: string; readonly webhooks: readonly Webhook[] }> {
  await webhookSettingsOf(site)
  for (const object of await site.objects(resources.mutatingWebhookConfigurations)) {
    const ours = (webhookConfigurationShape.safeParse(object).data?.webhooks ?? []).filter(
      ({ name, clientConfig }) => names.has(name) && clientConfig.service?.namespace === site.namespace,
    )
    if (ours.length > 0) return { name: object.metadata.name, webhooks: ours }
  }
  throw new NotRegistered('no MutatingWebhookConfiguration leads to the webhook')
}

/** The webhook runs, and the API server was not told of it. */
export class NotRegistered extends Error {
  override readonly name = 'NotRegistered'
}
