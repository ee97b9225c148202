import type { AuditEntry, AuditJournal } from '../core/audit/event.ts'
import type { Clock } from '../core/clock.ts'
import { type CustomRunReference, parseCustomRunReference, runKey } from '../core/identity/run.ts'
import type { Workload } from '../core/identity/workload.ts'
import { type KubeClient, resources } from '../core/io/kube/api.ts'
import { parseForm } from '../core/oauth/form.ts'
import { Problem } from '../core/problem.ts'
import { hasPipelineRunEnded, parsePipelineRun } from '../core/tekton/pipeline-run.ts'
import { hasTaskRunEnded, parseTaskRun } from '../core/tekton/task-run.ts'
import { jsonAnswer } from './answer.ts'
import type { GrantBook } from './audit/grant-book.ts'
import { type AllowedCaller, authenticateCaller, requireController } from './callers.ts'
import type { CallerEndpoint } from './http/token-app.ts'
import type { VerifyWorkload } from './identity/verify.ts'
import { read } from './identity/walk-pod.ts'
import { describeWorkload } from './records.ts'

interface Deps {
  readonly verify: VerifyWorkload
  readonly controller: AllowedCaller | undefined
  /** API of each cluster, by its name. */
  readonly kubes: ReadonlyMap<string, KubeClient>
  readonly book: GrantBook
  readonly journal: AuditJournal
  readonly clock: Clock
}

type RunKind = 'PipelineRun' | 'TaskRun'
type RunReference = CustomRunReference & { readonly kind: RunKind }

/**
 * `POST /runs/end`, for the controller: withdraws everything that was granted to a run. The broker reads the run again,
 * so a run that goes on cannot be ended by report. Asking twice changes nothing.
 */
export function createRunEndEndpoint({ verify, controller, kubes, book, journal, clock }: Deps): CallerEndpoint {
  return async function runEnd({ body, authorization }, signal) {
    const caller = await authenticateCaller(authorization, verify, signal)
    requireController(caller, controller)
    const run = parseRun(parseForm(body).get('run'))
    const kube = kubes.get(caller.cluster)
    if (kube === undefined || !(await hasEnded(run, kube, signal))) {
      throw new Problem('parameter_invalid', { mend: 'The run goes on: only a run that has ended can be reported' })
    }
    const key = runKey({ cluster: caller.cluster, namespace: run.namespace }, run)
    const live = book.grantsOfRun(key).filter((grant) => !grant.isRevoked)
    if (!book.isRunEnded(key))
      await journal.append(
        entry(
          run,
          live.map((grant) => grant.jti),
          caller,
          clock(),
        ),
      )
    return jsonAnswer({ run: `${run.namespace}/${run.kind}/${run.name}/${run.uid}`, revoked: live.length })
  }
}

/** `<namespace>/<kind>/<name>/<uid>` */
function parseRun(text: string | undefined): RunReference {
  const [namespace, kind, ...rest] = text?.split('/') ?? []
  const reference = parseCustomRunReference([namespace, ...rest].join('/'))
  if (reference === undefined || (kind !== 'PipelineRun' && kind !== 'TaskRun')) {
    throw new Problem('parameter_invalid', { mend: 'The parameter run takes namespace/kind/name/uid', detail: 'run' })
  }
  return { ...reference, kind }
}

/**
 * A run that is gone, or whose name another run has now, has ended too. That the name goes with the UID cannot be seen
 * then, and need not be: what was granted is found by both.
 */
async function hasEnded(
  { kind, namespace, name, uid }: RunReference,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<boolean> {
  const resource = kind === 'PipelineRun' ? resources.pipelineRuns : resources.taskRuns
  const object = await read(kube, resource, { namespace, name }, signal)
  if (object === undefined || object.metadata.uid !== uid) return true
  const pipelineRun = parsePipelineRun(object)
  const taskRun = parseTaskRun(object)
  if (pipelineRun !== undefined) return hasPipelineRunEnded(pipelineRun)
  return taskRun !== undefined && hasTaskRunEnded(taskRun)
}

function entry(run: RunReference, revoked: readonly string[], caller: Workload, time: Date): AuditEntry {
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
      reason: 'run_ended',
      actor: describeWorkload(caller),
      run: { assurance: 'claimed', ...ids },
      request: { door: 'runs-end' },
      revoked_tokens: revoked,
      revocation_check: caller.revocationCheck,
    },
  }
}
