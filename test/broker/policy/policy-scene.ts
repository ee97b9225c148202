import { expect } from 'vitest'
import { providerTraits } from '../../../broker/issue.ts'
import { type WatchedPolicies, watchPolicies } from '../../../broker/policy/watch-policies.ts'
import { type KubeClient, type KubeObject, resources, type WatchEvent } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { createLog } from '../../../core/io/log.ts'
import { Secret } from '../../../core/secret.ts'
import { type FakeKube, startKube } from '../../fakes/kube/server.ts'

export const namespace = 'payments'
export const audience = 'https://deploy.example.com'

interface Condition {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
  readonly observedGeneration: number
  readonly lastTransitionTime: string
}

export interface Scene extends AsyncDisposable {
  readonly kube: FakeKube
  readonly client: KubeClient
  readonly policies: WatchedPolicies
  readonly time: { ms: number }
  readonly logLines: string[]
  createPolicy(name: string, spec?: object): KubeObject
  createProvider(name?: string, spec?: object): KubeObject
  /** Condition Ready of a policy, or of a provider by `null`. */
  ready(policy: string | null): Condition | undefined
  /** Waits for `Ready` of a policy (or the provider `builtin`) to be such as `True Ready`. */
  becomes(policy: string | null, text: string): Promise<Condition>
  /** How often statuses were written, failed writes included. */
  writes(): number
}

interface Options {
  /** What the broker sees in the place of the API server's objects. */
  readonly through?: (client: KubeClient) => KubeClient
  /** Default true. */
  readonly starts?: boolean
}

/** An API server and the broker's view of policies and providers in it. */
export async function startScene({ through = (client) => client, starts = true }: Options = {}): Promise<Scene> {
  const time = { ms: Date.parse('2026-03-01T12:00:00Z') }
  const clock = () => new Date(time.ms)
  const kube = await startKube({ clock })
  // Before all that is in it, as it has to be.
  kube.objects.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  const client = createKubeClient({
    credentials: { server: kube.url, token: new Secret(kube.adminToken) },
    delay: () => Promise.resolve(),
  })
  const logLines: string[] = []
  const log = createLog({ name: 'broker', destination: { write: (line: string) => void logLines.push(line) } })
  const policies = watchPolicies({
    kube: through(client),
    clock,
    log,
    lifetimeOf: (spec) => providerTraits(spec).lifetime,
  })
  if (starts) policies.start()

  function ready(policy: string | null): Condition | undefined {
    const object =
      policy === null
        ? kube.objects.get(resources.clusterTokenProviders, { name: 'builtin' })
        : kube.objects.get(resources.tokenPolicies, { namespace, name: policy })
    const { conditions = [] } = (object?.status ?? {}) as { readonly conditions?: readonly Condition[] }
    expect(conditions.length).toBeLessThanOrEqual(1)
    return conditions[0]
  }

  return {
    kube,
    client,
    policies,
    time,
    logLines,
    createPolicy: (name, spec = {}) =>
      kube.objects.create({
        apiVersion: 'tokenbroker.dev/v1alpha1',
        kind: 'TokenPolicy',
        metadata: { name, namespace },
        spec: { audience, scopes: ['deploy:staging'], ...spec },
      }),
    createProvider: (name = 'builtin', spec = {}) =>
      kube.objects.create({
        apiVersion: 'tokenbroker.dev/v1alpha1',
        kind: 'ClusterTokenProvider',
        metadata: { name },
        spec: { builtin: {}, audiences: [audience], scopes: ['deploy:staging', 'deploy:production'], ...spec },
      }),
    ready,
    async becomes(policy, text) {
      const now = () => {
        const { status, reason } = ready(policy) ?? {}
        return `${status} ${reason}`
      }
      await expect.poll(now, { timeout: 10_000, interval: 5 }).toBe(text)
      return ready(policy) as Condition
    },
    writes: () => kube.requests({ verb: 'patch', subresource: 'status' }).length,
    async [Symbol.asyncDispose]() {
      await policies.stop(AbortSignal.timeout(2000))
      await client.close()
      await kube.close()
    },
  }
}

/** Objects labelled `schema: old` have a field that today's schema does not know. */
export function withOldObjects(client: KubeClient): KubeClient {
  const aged = <T extends KubeObject>(object: T): T =>
    object.metadata.labels?.['schema'] === 'old'
      ? { ...object, spec: { ...(object.spec as object), legacy: 1 } }
      : object

  async function* watch<T extends KubeObject>(...args: Parameters<KubeClient['watch']>): AsyncGenerator<WatchEvent<T>> {
    for await (const event of client.watch<T>(...args)) {
      yield event.kind === 'bookmark' ? event : { ...event, object: aged(event.object) }
    }
  }

  return {
    ...client,
    watch,
    async list<T extends KubeObject>(...args: Parameters<KubeClient['list']>) {
      const listed = await client.list<T>(...args)
      return { ...listed, items: listed.items.map(aged) }
    },
  }
}
