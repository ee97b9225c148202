import type { AuditEntry, AuditJournal } from '../core/audit/event.ts'
import type { Clock } from '../core/clock.ts'
import { runKey } from '../core/identity/run.ts'
import type { Workload } from '../core/identity/workload.ts'
import type { KubeClient } from '../core/io/kube/api.ts'
import { parseForm } from '../core/oauth/form.ts'
import { Problem } from '../core/problem.ts'
import { jsonAnswer } from './answer.ts'
import { verdictEntry } from './approvals/verdict-entry.ts'
import type { ApprovalFate, GrantBook, LiveGrant } from './audit/grant-book.ts'
import type { ServeCaller } from './caller-door.ts'
import { type ProveController, requireController } from './controller.ts'
import { describeWorkload } from './records.ts'
import { revokedEntry } from './revocation.ts'
import { parseRunReference, type RunReference, readRunState } from './run-reference.ts'

interface Deps {
  readonly proveController: ProveController
  /** API of each cluster, by its name. */
  readonly kubes: ReadonlyMap<string, KubeClient>
  readonly book: GrantBook
  readonly journal: AuditJournal
  /** Told of each question to people that the end closed. */
  readonly closed: (approval: ApprovalFate) => void
  readonly clock: Clock
}

/** An end as it is recorded. */
interface End {
  readonly run: RunReference
  readonly caller: Workload
  /** The person who withdrew what a run was given while it goes on. */
  readonly by: string | undefined
  readonly time: Date
}

/** What one record names of the withdrawn tokens; each has a record of its own as well. */
const maxNamedTokens = 256

/**
 * `POST /runs/end`, for the controller: withdraws everything that was granted to a run. The broker reads the run again,
 * so a run that goes on cannot be ended by report. Asking twice, or twice at once, changes nothing.
 */
export function createRunEndEndpoint({
  proveController,
  kubes,
  book,
  journal,
  closed: tell,
  clock,
}: Deps): ServeCaller {
  const ending = new Map<string, Promise<number>>()

  /** @returns how many tokens were withdrawn */
  async function end(key: string, what: End): Promise<number> {
    const now = what.time
    const live = book.grantsOfRun(key).filter((grant) => !grant.isRevoked && grant.expiresAt > now)
    const closed = book.authorizationsOfRun(key).length
    const reason = what.by === undefined ? 'run_ended' : 'revoked_by_person'
    const revoked = live.map((grant) => revokedEntry(grant, { ...what, reason, door: 'runs-end' }))
    const open = book.approvalsOfRun(key).filter(({ verdict }) => verdict === 'open')
    const overtaken = open.map((fate) => verdictEntry(fate, 'closed', now))
    // The end comes last, so that a death in between leaves a run whose end is still to be told.
    await Promise.all([...revoked, ...overtaken, endedEntry(what, live, closed)].map((entry) => journal.append(entry)))
    open.forEach(tell)
    return live.length
  }

  return async function runEnd(caller, { body, peerAddress }, signal) {
    await requireController(proveController, caller, peerAddress, signal)
    const run = requiredRun(body)
    const kube = kubes.get(caller.cluster)
    const state = kube && (await readRunState(run, kube, signal))
    if (!state?.hasEnded) {
      throw new Problem('parameter_invalid', { mend: 'The run goes on: only a run that has ended can be reported' })
    }
    const key = runKey({ cluster: caller.cluster, namespace: run.namespace }, run)
    if (book.isRunEnded(key)) return answer(run, 0)
    const what = { run, caller, by: state.revokedBy, time: clock() }
    const current = ending.get(key) ?? end(key, what).finally(() => ending.delete(key))
    ending.set(key, current)
    return answer(run, await current)
  }
}

function requiredRun(body: string): RunReference {
  const run = parseRunReference(parseForm(body).get('run'))
  if (run !== undefined) return run
  throw new Problem('parameter_invalid', { mend: 'The parameter run takes namespace/kind/name/uid', detail: 'run' })
}

function answer(run: RunReference, revoked: number) {
  return jsonAnswer({ run: `${run.namespace}/${run.kind}/${run.name}/${run.uid}`, revoked })
}

function endedEntry({ run, caller, by, time }: End, revoked: readonly LiveGrant[], closed: number): AuditEntry {
  const ids =
    run.kind === 'PipelineRun'
      ? { pipeline_run: run.name, pipeline_run_uid: run.uid }
      : { task_run: run.name, task_run_uid: run.uid }
  return {
    type: 'dev.tokenbroker.run.ended.v1',
    subject: `${run.namespace}/${run.name}`,
    time,
    data: {
      outcome: 'info',
      reason: by === undefined ? 'run_ended' : 'revoked_by_person',
      actor: describeWorkload(caller),
      ...(by !== undefined && { by }),
      run: { assurance: 'claimed', ...ids },
      request: { door: 'runs-end' },
      revoked_tokens: revoked.slice(0, maxNamedTokens).map(({ jti }) => jti),
      revoked_count: revoked.length,
      closed_authorizations: closed,
      revocation_check: caller.revocationCheck,
    },
  }
}
