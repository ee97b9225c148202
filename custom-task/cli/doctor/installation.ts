import { parse } from 'yaml'
import { z } from 'zod'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { looked } from './resources.ts'
import { configMap, labelled, workload } from './shapes.ts'
import type { Site } from './site.ts'

/** There is nothing that a check could look at; its sentence says why. */
export class NotInstalled extends Error {
  override readonly name = 'NotInstalled'
}

export const components = ['broker', 'controller', 'webhook'] as const
export type Component = (typeof components)[number]

const brokerSettings = z.object({
  name: z.string().default('tokenbroker'),
  issuer: z.string(),
  interceptor: z.unknown().optional(),
  clusters: z
    .array(
      z.object({
        name: z.string(),
        issuer: z.string().optional(),
        admission: z.object({ release: z.string() }).optional(),
      }),
    )
    .min(1),
})
const controllerSettings = z.object({ secretDelivery: z.boolean().default(false) })
const webhookSettings = z.object({ broker: z.object({ url: z.string(), audience: z.string() }) })

export type BrokerSettings = z.output<typeof brokerSettings>
export type ControllerSettings = z.output<typeof controllerSettings>
export type WebhookSettings = z.output<typeof webhookSettings>

const partOf = 'app.kubernetes.io/part-of'
const componentLabel = 'app.kubernetes.io/component'

/** Label of the version that the chart gives every object. */
export const versionLabel = 'app.kubernetes.io/version'

export function labelsOf(object: KubeObject): Readonly<Record<string, string>> {
  return labelled.safeParse(object).data?.metadata.labels ?? {}
}

function ofComponent(objects: readonly KubeObject[], component: Component): readonly KubeObject[] {
  return objects.filter((object) => {
    const labels = labelsOf(object)
    return labels[partOf] === 'tokenbroker' && labels[componentLabel] === component
  })
}

/** @throws NotInstalled, and what {@link Site} throws */
export async function brokerSettingsOf(site: Site): Promise<BrokerSettings> {
  return await settingsOf(site, 'broker', brokerSettings)
}

/** @throws NotInstalled, and what {@link Site} throws */
export async function controllerSettingsOf(site: Site): Promise<ControllerSettings> {
  return await settingsOf(site, 'controller', controllerSettings)
}

/** @throws NotInstalled, and what {@link Site} throws */
export async function webhookSettingsOf(site: Site): Promise<WebhookSettings> {
  return await settingsOf(site, 'webhook', webhookSettings)
}

async function settingsOf<T>(site: Site, component: Component, schema: z.ZodType<T>): Promise<T> {
  const maps = ofComponent(await site.objects(resources.configMaps, site.namespace), component)
  const text = maps
    .map((map) => configMap.safeParse(map).data?.data[`${component}.yaml`])
    .find((one) => one !== undefined)
  if (text === undefined) {
    throw new NotInstalled(`no ConfigMap with ${component}.yaml of the chart in namespace ${site.namespace}`)
  }
  const parsed = schema.safeParse(readYaml(text))
  if (!parsed.success)
    throw new NotInstalled(`${component}.yaml in its ConfigMap is no configuration of the ${component}`)
  return parsed.data
}

function readYaml(text: string): unknown {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}

export interface Workload {
  readonly component: Component
  readonly name: string
  readonly object: KubeObject
  readonly replicas: number
  readonly ready: number
  /** Audiences of its projected ServiceAccount tokens. */
  readonly audiences: readonly string[]
  /** Secret of its serving certificate, and the key in it. */
  readonly serving: { readonly secret: string; readonly key: string } | undefined
}

/** The Deployments and StatefulSets of the chart. @throws what {@link Site} throws */
export async function workloadsOf(site: Site): Promise<readonly Workload[]> {
  const [deployments, statefulSets] = [
    await site.objects(looked.deployments, site.namespace),
    await site.objects(looked.statefulSets, site.namespace),
  ]
  return components.flatMap((component) =>
    ofComponent([...deployments, ...statefulSets], component).flatMap((object) => readWorkload(component, object)),
  )
}

function readWorkload(component: Component, object: KubeObject): readonly Workload[] {
  const parsed = workload.safeParse(object)
  if (!parsed.success) return []
  const { spec, status } = parsed.data
  const { volumes } = spec.template.spec
  const sources = volumes.flatMap((volume) => volume.projected?.sources ?? [])
  return [
    {
      component,
      name: object.metadata.name,
      object,
      replicas: spec.replicas,
      ready: status.readyReplicas,
      audiences: sources.flatMap((source) => source.serviceAccountToken?.audience ?? []),
      serving: servingOf(volumes.find((volume) => volume.name === 'serving')?.secret),
    },
  ]
}

type SecretVolume = { readonly secretName: string; readonly items: readonly { key: string; path: string }[] }

function servingOf(secret: SecretVolume | undefined): Workload['serving'] {
  if (secret === undefined) return undefined
  return { secret: secret.secretName, key: secret.items.find(({ path }) => path === 'tls.crt')?.key ?? 'tls.crt' }
}
