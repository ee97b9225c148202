import { onTestFinished, vi } from 'vitest'
import { type ApproveInput, createApprove } from '../../../broker/approvals/approve.ts'
import { type AskedCluster, createAskedCluster } from '../../../broker/approvals/asked-cluster.ts'
import { type Question, questionOf } from '../../../broker/approvals/question.ts'
import { createMemoryJournal } from '../../../broker/audit/memory-journal.ts'
import { createGrantBook } from '../../../broker/audit/project-grants.ts'
import { entryFor } from '../../../broker/records.ts'
import type { AuditRecord } from '../../../core/audit/event.ts'
import type { TokenApprovalSpec } from '../../../core/crd/token-approval.ts'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { createLog } from '../../../core/io/log.ts'
import { createUuidV7 } from '../../../core/io/uuid.ts'
import type { Allowance, ApprovalNeed, Facts } from '../../../core/policy/allowance.ts'
import { evaluate } from '../../../core/policy/evaluate.ts'
import { createRateLimit } from '../../../core/rate-limit.ts'
import { Secret } from '../../../core/secret.ts'
import { factsOf, run } from '../../core/policy/policy-fixture.ts'
import { type FakeKube, startKube } from '../../fakes/kube/server.ts'
import { gatheredOf, workload } from '../exchange-fixture.ts'
import { holdDecisions, policyName } from './hold-decisions.ts'

/** The room of approvals over an embedded API server: people write into it, and the room asks and listens. */
export interface Scene {
  readonly kube: FakeKube
  readonly asked: AskedCluster
  approve(input?: Partial<ApproveInput>): Promise<void>
  records(): Promise<readonly AuditRecord[]>
  /** The only TokenApproval there is. */
  approval(): KubeObject & { readonly spec: TokenApprovalSpec }
  decide(...decisions: TokenApprovalSpec['decisions']): void
  /** Condition Decided, once it has this reason. */
  shows(reason: string): Promise<string>
  /** Ends the run, as its record does. */
  endRun(): Promise<void>
  wait(ms: number): void
  /** Another process over the same objects and the same journal. */
  restart(): Promise<Scene>
}

export const signal = new AbortController().signal
export const into = [{ task: 'deploy', serviceAccount: 'deployer' }]
export const managers: ApprovalNeed = {
  groups: ['release-managers'],
  required: 1,
  expiresAfterSeconds: 1800,
  askedBy: 'policy',
}
const alice = { username: 'alice', uid: undefined, kind: 'person', isProved: true } as const

/** What alice started, allowed if a manager says yes. */
export function allowanceOf(changes: Partial<Facts> = {}, needs: readonly ApprovalNeed[] = [managers]): Allowance {
  const facts = factsOf({ run: { ...run, initiator: alice }, ...changes })
  return { ...evaluate(facts), approvals: needs } as unknown as Allowance
}

export async function startScene({ isHeld = true } = {}): Promise<Scene> {
  const time = { skippedMs: 0 }
  const kube = await startKube({ clock: () => new Date(Date.now() + time.skippedMs) })
  onTestFinished(() => kube.close())
  kube.objects.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'payments' } })
  if (isHeld) holdDecisions(kube)
  // Long enough ago for every API server to have taken it up.
  time.skippedMs += 60_000
  return await sceneOver(kube, [], time)
}

async function sceneOver(kube: FakeKube, before: readonly AuditRecord[], time: { skippedMs: number }): Promise<Scene> {
  const clock = () => new Date(Date.now() + time.skippedMs)
  const log = createLog({ name: 'broker', level: 'silent' })
  const client = createKubeClient({ credentials: { server: kube.url, token: new Secret(kube.adminToken) } })
  const book = createGrantBook({ clock })
  for (const record of before) book.apply(record)
  const broker = { name: 'test', version: '0' }
  const newId = createUuidV7(clock)
  const journal = createMemoryJournal({ source: '/test', broker, newId, log, onDurable: book.apply })
  const asked = createAskedCluster({ cluster: 'main', policyName, kube: client, book, journal, clock, log })
  const isWithinPollRate = createRateLimit({ perSecond: 0.2, burst: 4, maxKeys: 100, clock })
  const approve = createApprove({ book, clusters: new Map([['main', asked]]), isWithinPollRate, clock })
  asked.approvals.start()
  onTestFinished(async () => {
    await asked.approvals.stop(AbortSignal.timeout(1000))
    await client.close()
  })
  await vi.waitUntil(() => asked.approvals.isSynced())

  async function records(): Promise<readonly AuditRecord[]> {
    const all: AuditRecord[] = []
    for await (const record of journal.records()) all.push(record)
    return [...before, ...all]
  }

  async function recordRequest(question: Question): Promise<void> {
    const known = {
      exchangeId: newId(),
      startedAt: clock(),
      incoming: { door: 'authorize', body: '', peerAddress: undefined },
      requester: { kind: 'pod', workload },
      gathered: gatheredOf({ facts: factsOf({ run }) }),
    } as const
    await journal.append(entryFor(known, { kind: 'asked', question }, clock()))
  }

  function approval(): ReturnType<Scene['approval']> {
    const [object] = kube.objects.list(resources.tokenApprovals) as KubeObject[]
    if (object === undefined) throw new Error('nobody was asked')
    return object as ReturnType<Scene['approval']>
  }

  return {
    kube,
    asked,
    records,
    approval,
    approve: (input = {}) =>
      approve({ allowance: allowanceOf(), into, poller: 'pod-uid', isPod: false, recordRequest, ...input }, signal),
    decide(...decisions) {
      const { metadata, spec } = approval()
      const all = [...spec.decisions, ...decisions]
      kube.objects.patch(resources.tokenApprovals, metadata, { spec: { decisions: all } })
    },
    async shows(reason) {
      return await vi.waitUntil(
        () => {
          const { conditions = [] } = (approval().status ?? {}) as {
            conditions?: { reason: string; message: string }[]
          }
          return conditions.find((one) => one.reason === reason)?.message
        },
        { timeout: 3000, interval: 10 },
      )
    },
    async endRun() {
      const { run: of, cluster, namespace } = questionOf(allowanceOf(), into, clock())
      const [name = '', uid = ''] = of.split('/').slice(-2)
      await journal.append({
        type: 'dev.tokenbroker.run.ended.v1',
        subject: `${namespace}/${name}`,
        time: clock(),
        data: {
          outcome: 'info',
          reason: 'run_ended',
          subject: { cluster, namespace, service_account: 'controller' },
          run: { assurance: 'claimed', pipeline_run: name, pipeline_run_uid: uid },
        },
      })
      asked.approvals.touch(approval().metadata as { namespace: string; name: string })
    },
    wait(ms) {
      time.skippedMs += ms
    },
    async restart() {
      await asked.approvals.stop(AbortSignal.timeout(1000))
      return await sceneOver(kube, await records(), time)
    },
  }
}
