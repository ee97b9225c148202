import type { AdmittedPod } from '../../../custom-task/webhook/admitted-pod.ts'
import { type Mutation, type MutationContext, mutate } from '../../../custom-task/webhook/mutate.ts'
import type { KnownPolicies, PolicyFacts } from '../../../custom-task/webhook/policy-facts.ts'
import type { InjectionSettings } from '../../../custom-task/webhook/settings.ts'
import type { TokenAsk } from '../../../custom-task/webhook/token-ask.ts'
import { applyJsonPatch } from '../../fakes/kube/json-patch.ts'
import { parsePod } from './tekton-pod.ts'

export const settings: InjectionSettings = {
  image: 'tokenbroker-task:1',
  imagePullPolicy: 'IfNotPresent',
  brokerUrl: 'https://tokenbroker.tokenbroker.svc',
  audience: 'https://tokenbroker-discovery.tokenbroker.svc',
  ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  sidecarResources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '128Mi' } },
  gateResources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '128Mi' } },
  runAsUser: 65_532,
}

export function ask(policy: string, more: Partial<TokenAsk> = {}): TokenAsk {
  return { name: policy, policy, audience: undefined, scopes: undefined, steps: undefined, as: [], ...more }
}

/** Every policy there may be, for one server, with a role of each cloud. */
const everyPolicy: PolicyFacts = {
  audience: 'https://code.example.com',
  scopes: ['push', 'arn:aws:iam::123456789012:role/deploy'],
  provider: 'builtin',
}

/** As many as anybody asks for. */
export function samePolicy(facts: Partial<PolicyFacts> = {}): KnownPolicies {
  const policies = new Map<string, PolicyFacts>()
  policies.get = () => ({ ...everyPolicy, ...facts })
  return policies
}

/** A pod of a run whose TokenExchange tasks ask for these. */
export function context(
  asks: readonly TokenAsk[] = [],
  complaints: readonly string[] = [],
  policies = samePolicy(),
): MutationContext {
  return { origin: { kind: 'known', fromPipeline: { asks, complaints } }, settings, policies }
}

export interface Container {
  readonly name: string
  readonly args?: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[]
  readonly [field: string]: unknown
}

export interface InjectedPod {
  readonly pod: AdmittedPod
  readonly initContainers: readonly Container[]
  readonly containers: readonly Container[]
  readonly volumes: readonly { readonly name: string; readonly [source: string]: unknown }[]
  readonly container: (name: string) => Container
  /** Variables of a container. */
  readonly env: (name: string) => Readonly<Record<string, string | undefined>>
  /** What the sidecar is told, as it stands in its arguments. */
  readonly config: () => { readonly steps: readonly { directory: string; policies: readonly object[] }[] }
}

/** Applies what the webhook answers, as the API server does. */
export function applied(pod: AdmittedPod, mutation: Mutation): InjectedPod {
  if (mutation.kind !== 'injected') throw new TypeError(`not injected: ${JSON.stringify(mutation)}`)
  const object = applyJsonPatch(structuredClone(pod), mutation.patch) as AdmittedPod
  const { initContainers = [], containers, volumes = [] } = object.spec as unknown as Omit<InjectedPod, 'pod'>
  const container = (name: string): Container => {
    const found = [...initContainers, ...containers].find((one) => one.name === name)
    if (found === undefined) throw new TypeError(`no container ${name}`)
    return found
  }
  return {
    pod: parsePod(object),
    initContainers,
    containers,
    volumes,
    container,
    env: (name) => Object.fromEntries((container(name).env ?? []).map((one) => [one.name, one.value])),
    config: () => JSON.parse(container('tokenbroker').args?.at(-1) ?? ''),
  }
}

export function inject(pod: AdmittedPod, within = context()): InjectedPod {
  return applied(pod, mutate(pod, within))
}

export function sentence(pod: AdmittedPod, within = context()): string {
  const mutation = mutate(pod, within)
  return mutation.kind === 'refused' ? mutation.sentence : mutation.kind
}
