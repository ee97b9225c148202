import { type KubeClient, type KubeObject, resources } from '../../core/io/kube/api.ts'
import { isRecord } from '../../core/io/kube/objects.ts'
import { isScopeGlob } from '../../core/policy/scope-pattern.ts'

/** What a form has to know of a policy. Whether it may be used at all is the broker's to say. */
export interface PolicyFacts {
  readonly audience: string
  /** Those of a request that names none. */
  readonly scopes: readonly string[]
  /** Kind of the provider, such as `builtin`; undefined while the provider does not exist. */
  readonly provider: string | undefined
}

/** By name; a policy that does not exist is not in it. */
export type KnownPolicies = ReadonlyMap<string, PolicyFacts>

type Read = Pick<KubeClient, 'get'>

/** @throws what the API server's client throws; then nobody knows which form is right */
export async function readPolicies(
  namespace: string,
  names: readonly string[],
  kube: Read,
  signal: AbortSignal,
): Promise<KnownPolicies> {
  const providers = new Map<string, Promise<string | undefined>>()
  const providerKind = (name: string): Promise<string | undefined> => {
    const known = providers.get(name) ?? readProvider(name, kube, signal)
    providers.set(name, known)
    return known
  }
  const found = await Promise.all(
    names.map(async (name) => {
      const policy = await readPolicy(namespace, name, kube, signal)
      if (policy === undefined) return []
      const { audience, scopes, providerName } = policy
      return [[name, { audience, scopes, provider: await providerKind(providerName) }] as const]
    }),
  )
  return new Map(found.flat())
}

/** In its namespace a TokenPolicy comes before a ClusterTokenPolicy of the same name. */
async function readPolicy(namespace: string, name: string, kube: Read, signal: AbortSignal) {
  const [own, forMany] = await Promise.all([
    kube.get<KubeObject>(resources.tokenPolicies, { namespace, name }, signal),
    kube.get<KubeObject>(resources.clusterTokenPolicies, { name }, signal),
  ])
  return parsePolicy(own ?? forMany)
}

async function readProvider(name: string, kube: Read, signal: AbortSignal): Promise<string | undefined> {
  const object = await kube.get<KubeObject>(resources.clusterTokenProviders, { name }, signal)
  return kindOfProvider(specOf(object))
}

/** The one key of the spec that configures a provider; the others are for every kind. */
function kindOfProvider(spec: Record<string, unknown> | undefined): string | undefined {
  return Object.keys(spec ?? {}).find((key) => !sharedKeys.includes(key) && isRecord(spec?.[key]))
}

const sharedKeys: readonly string[] = ['audiences', 'scopes', 'limits', 'namespaceSelector', 'suspend']

function parsePolicy(object: KubeObject | undefined) {
  const spec = specOf(object)
  if (spec === undefined) return undefined
  const { audience, scopes, providerRef } = spec
  if (typeof audience !== 'string' || !isTexts(scopes)) return undefined
  // A policy with a glob has no default: a token that names no scope of it is refused.
  const defaults = scopes.some(isScopeGlob) ? [] : scopes
  const name = isRecord(providerRef) ? providerRef['name'] : undefined
  return { audience, scopes: defaults, providerName: typeof name === 'string' ? name : 'builtin' }
}

function specOf(object: KubeObject | undefined): Record<string, unknown> | undefined {
  const spec = (object as { readonly spec?: unknown } | undefined)?.spec
  return isRecord(spec) ? spec : undefined
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
