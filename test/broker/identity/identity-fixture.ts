import { sign } from 'node:crypto'
import { inspect } from 'node:util'
import { expect } from 'vitest'
import { createClusterKeys } from '../../../broker/identity/cluster-keys.ts'
import { createVerifyWorkload, type TrustedCluster, type VerifyWorkload } from '../../../broker/identity/verify.ts'
import { createExpiringCache } from '../../../core/expiring-cache.ts'
import { describeError } from '../../../core/io/describe-error.ts'
import type { KubeClient, TokenReviewResult } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { createLog } from '../../../core/io/log.ts'
import { Secret } from '../../../core/secret.ts'
import { type FakeKube, startKube } from '../../fakes/kube/server.ts'

export const audience = 'https://broker.example.com'
export const namespace = 'payments'
export const pod = { namespace, serviceAccount: 'deployer', pod: 'rollout', audience }

/** Never aborted: these tests give up nothing. */
export const signal = new AbortController().signal

export interface World extends AsyncDisposable {
  readonly kube: FakeKube
  readonly client: KubeClient
  /** The clock of cluster and broker. */
  readonly time: { ms: number }
  readonly clock: () => Date
}

/** A cluster with the pod `rollout` of ServiceAccount `deployer`, and a client that does not wait between tries. */
export async function startWorld(): Promise<World> {
  const time = { ms: Date.parse('2026-03-01T12:00:00Z') }
  const clock = () => new Date(time.ms)
  const kube = await startKube({ clock })
  createAccount(kube, 'deployer')
  createPod(kube, 'rollout')
  const client = createKubeClient({
    credentials: { server: kube.url, token: new Secret(kube.adminToken) },
    delay: () => Promise.resolve(),
  })
  return {
    kube,
    client,
    time,
    clock,
    async [Symbol.asyncDispose]() {
      await client.close()
      await kube.close()
    },
  }
}

export function createAccount(kube: FakeKube, name: string): void {
  kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } })
}

interface PodParts {
  readonly metadata?: object
  readonly spec?: object
  readonly status?: object
}

export function createPod(kube: FakeKube, name: string, parts: PodParts = {}) {
  return kube.objects.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, ...parts.metadata },
    spec: { serviceAccountName: 'deployer', nodeName: 'node1', ...parts.spec },
    status: { phase: 'Running', podIP: '10.0.0.7', ...parts.status },
  })
}

export function trustedCluster({ kube, client, clock }: World, changes: Partial<TrustedCluster> = {}): TrustedCluster {
  return {
    name: 'main',
    issuer: kube.issuer.issuer,
    keys: createClusterKeys({ fetchJwks: (abort) => client.getJson('/openid/v1/jwks', abort), clock }),
    kube: client,
    maxTokenLifetimeSeconds: 3600,
    revocationCheck: 'token-review',
    ...changes,
  }
}

export function verifierOf(world: World, ...clusters: readonly TrustedCluster[]): VerifyWorkload {
  const { clock } = world
  const all = clusters.length === 0 ? [trustedCluster(world)] : clusters
  return createVerifyWorkload({
    clusters: new Map(all.map((cluster) => [cluster.issuer, cluster])),
    audience,
    clock,
    reviews: createExpiringCache<TokenReviewResult>({ ttlMs: 10_000, maxEntries: 100, clock }),
  })
}

export function goodToken({ kube }: World): Secret {
  return new Secret(kube.projectToken(pod))
}

/** Signs a payload that is given as text, for JSON that JSON.stringify would not write. */
export function signText({ kube }: World, payload: string, header: object = {}): string {
  const [key] = kube.issuer.keys()
  if (key === undefined) throw new TypeError('the cluster has no key')
  const encode = (text: string) => Buffer.from(text).toString('base64url')
  const input = `${encode(JSON.stringify({ alg: 'RS256', kid: key.kid, ...header }))}.${encode(payload)}`
  return `${input}.${sign('sha256', Buffer.from(input), key.privateKey).toString('base64url')}`
}

/** Fails when any way of printing the error shows a part of the token. */
export function expectNoTrace(error: unknown, token: string): void {
  const lines: string[] = []
  const log = createLog({ name: 'test', destination: { write: (line: string) => void lines.push(line) } })
  log.error({ err: error }, 'refused')
  log.error({ problem: error }, 'refused')
  const printed = [
    ...lines,
    inspect(error, { depth: null, showHidden: true, maxStringLength: null }),
    JSON.stringify(describeError(error)),
    JSON.stringify(error),
  ].join('\n')
  for (const part of token
    .trim()
    .split('.')
    .filter((text) => text.length > 3))
    expect(printed).not.toContain(part)
}
