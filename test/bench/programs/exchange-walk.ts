import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { answer, type Outcome } from '../../../broker/answer.ts'
import { createSettle } from '../../../broker/approvals/settle.ts'
import { createMemoryJournal } from '../../../broker/audit/memory-journal.ts'
import { createGrantBook } from '../../../broker/audit/project-grants.ts'
import { type Cluster, createCluster } from '../../../broker/cluster.ts'
import { createGather } from '../../../broker/gather.ts'
import { createVerifyWorkload } from '../../../broker/identity/verify.ts'
import { createIssue, providerTraits } from '../../../broker/issue.ts'
import { createIssuer } from '../../../broker/issuer/issuer.ts'
import { openKeyStore } from '../../../broker/issuer/key-store.ts'
import type { Known } from '../../../broker/known.ts'
import { createBrokerMetrics } from '../../../broker/metrics.ts'
import { createObserve } from '../../../broker/observe.ts'
import { entryFor } from '../../../broker/records.ts'
import { createIdentifyRequester } from '../../../broker/requester.ts'
import { GENESIS, sealRecord } from '../../../core/audit/chain.ts'
import { createExpiringCache } from '../../../core/expiring-cache.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { loadCredentials } from '../../../core/io/kube/credentials.ts'
import { createLog } from '../../../core/io/log.ts'
import { createUuidV7 } from '../../../core/io/uuid.ts'
import { parseExchangeRequest } from '../../../core/oauth/exchange-request.ts'
import { parseForm } from '../../../core/oauth/form.ts'
import { evaluate } from '../../../core/policy/evaluate.ts'
import { target } from '../broker-world.ts'

interface World {
  readonly directory: string
  readonly kubeUrl: string
  readonly issuerUrl: string
  readonly tokens: readonly string[]
}

export const stepNames = {
  verify: 'verify token, claims and TokenReview',
  gather: 'gather run, policies and RBAC answers',
} as const

/** Takes one more turn of a step; `at` chooses among the prepared inputs. */
type Step = (at: number) => unknown

export interface ExchangeWalk {
  readonly steps: Readonly<Record<string, Step>>
  readonly issueRs256: Step
  readonly issueEs256: Step
  /** Verifies a token and gathers the facts when everything that was known of them is too old. */
  readonly coldPod: Step
  stop(): Promise<void>
}

/** Time stands still, so that nothing in a cache gets old; but for the pods that were not seen for a while. */
let now = new Date()
const clock = () => now
/** Longer than any cache of the API server's answers keeps them. */
const coldAfterMs = 10_001
const never = new AbortController().signal

/** Exchanges that were walked up to their answer, as inputs of single steps. */
export async function startExchangeWalk(world: World): Promise<ExchangeWalk> {
  const cluster = await connect(world)
  const parts = await makeParts(world, cluster)
  const es256 = await Promise.all(world.tokens.map((token) => parts.walk(exchangeBody(token, 'deploy-1'))))
  const rs256 = await Promise.all(world.tokens.map((token) => parts.walk(exchangeBody(token, 'deploy-0'))))
  const one = (at: number) => turn(es256, at)
  const receipt = await parts.journal.append(one(0).entry)
  return {
    steps: {
      'parse the form': (at) => parseExchangeRequest(parseForm(one(at).known.incoming.body)),
      [stepNames.verify]: (at) => parts.verify(one(at).known.request, never),
      [stepNames.gather]: (at) => parts.gather(one(at).known.request, one(at).known.requester, '127.0.0.1', never),
      'evaluate the policy': (at) => evaluate(one(at).known.gathered.facts),
      'settle the grant': (at) => parts.settle(one(at).known),
      'write the record': (at) => entryFor(one(at).known, one(at).outcome, now),
      'seal the record': (at) => parts.seal(one(at).entry, at),
      'log and count': (at) => parts.observe(one(at).known, one(at).outcome),
      answer: (at) => answer(one(at).outcome, receipt),
    },
    issueRs256: (at) => parts.issue(turn(rs256, at).outcome.grant, never),
    issueEs256: (at) => parts.issue(one(at).outcome.grant, never),
    async coldPod(at) {
      now = new Date(now.getTime() + coldAfterMs)
      const { request } = one(at).known
      await parts.gather(request, await parts.verify(request, never), '127.0.0.1', never)
    },
    async stop() {
      await cluster.policies.stop(AbortSignal.timeout(1000))
      await cluster.kube.close()
    },
  }
}

async function connect({ directory, kubeUrl }: World): Promise<Cluster> {
  const credentials = await loadCredentials({ env: {}, kubeconfig: join(directory, 'kubeconfig.json') })
  const config = {
    name: 'bench',
    revocationCheck: 'token-review',
    peerAddress: 'record',
    approvalPolicy: 'tokenbroker-approvals',
  } as const
  const log = pino({ level: 'silent' })
  const cluster = createCluster({ config, issuer: kubeUrl, kube: createKubeClient({ credentials }), clock, log })
  cluster.policies.start()
  while (!cluster.policies.isSynced()) await sleep(20)
  return cluster
}

async function makeParts({ directory, kubeUrl, issuerUrl }: World, cluster: Cluster) {
  const newId = createUuidV7(clock)
  const verify = createIdentifyRequester({
    verify: createVerifyWorkload({
      clusters: new Map([[kubeUrl, cluster.trusted]]),
      audience: issuerUrl,
      clock,
      reviews: createExpiringCache({ ttlMs: 10_000, maxEntries: 10_000, clock }),
    }),
    controller: undefined,
    isWithinPodRate: () => true,
    isWithinNamespaceRate: () => true,
  })
  const gather = createGather(new Map([['bench', cluster.facts]]), undefined)
  const settleOne = createSettle({ book: createGrantBook({ clock }), clock })
  const keys = await openKeyStore({ directory: join(directory, 'steps-keys'), clock }, never)
  const endpoints = { token: issuerUrl, introspection: issuerUrl, revocation: issuerUrl }
  const issuer = createIssuer({ issuerUrl, endpoints, keys, clock, newId, signInBackground: false })
  const issue = createIssue({ mint: issuer.mint })
  const log = createLog({ name: 'broker', destination: { write: () => undefined } })
  const broker = { name: 'bench', version: '0.1.0' }
  const source = '/tokenbroker/bench'
  const chainUid = newId()

  function settle({ exchangeId, allowance, requester: { workload }, gathered: { into } }: Required<Known>) {
    const { maxSeconds } = providerTraits(allowance.provider.spec)
    return settleOne({ exchangeId, allowance, workload, into, providerMaxSeconds: maxSeconds })
  }

  async function walk(body: string) {
    const request = parseExchangeRequest(parseForm(body))
    const requester = await verify(request, never)
    const gathered = await gather(request, requester, '127.0.0.1', never)
    const incoming = { door: 'token', body, peerAddress: '127.0.0.1' } as const
    const allowance = evaluate(gathered.facts)
    const found = { request, requester, gathered, allowance }
    const actor = { isPodAddress: undefined }
    const known = { exchangeId: newId(), startedAt: now, incoming, actor, ...found }
    const grant = settle(known)
    const outcome = { kind: 'granted', grant, issued: await issue(grant, never) } as const satisfies Outcome
    return { known, outcome, entry: entryFor(known, outcome, now) }
  }

  const position = { previous: GENESIS, chainUid, source, broker, durability: 'fdatasync' } as const
  return {
    verify,
    gather,
    settle,
    issue,
    walk,
    journal: createMemoryJournal({ source, broker, newId, log: pino({ level: 'silent' }) }),
    seal: (entry: Parameters<typeof sealRecord>[0], at: number) =>
      sealRecord(entry, { ...position, sequence: at + 1, id: newId() }),
    observe: createObserve({ log, metrics: createBrokerMetrics({ version: broker.version }), clock }),
  }
}

function exchangeBody(token: string, policy: string): string {
  return new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    audience: target,
    scope: 'deploy:staging',
    policy,
  }).toString()
}

function turn<T>(values: readonly T[], at: number): T {
  const value = values[at % values.length]
  if (value === undefined) throw new TypeError('nothing was prepared')
  return value
}
