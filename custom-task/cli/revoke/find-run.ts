import { type KubeClient, type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { controllerOf } from '../../../core/tekton/fields.ts'
import { hasPipelineRunEnded, parsePipelineRun } from '../../../core/tekton/pipeline-run.ts'
import { revokedBy } from '../../../core/tekton/revocation.ts'
import { hasTaskRunEnded, parseTaskRun } from '../../../core/tekton/task-run.ts'
import { CommandFailure, exitCodes } from '../command.ts'

export type RunKind = 'PipelineRun' | 'TaskRun'

export interface RunName {
  readonly namespace: string
  readonly name: string
  /** Undefined: a PipelineRun of that name, else a TaskRun. */
  readonly kind: RunKind | undefined
}

/** A run as a person may revoke it. */
export interface FoundRun {
  readonly kind: RunKind
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** It is done or being deleted, or a person revoked it. */
  readonly hasEnded: boolean
  readonly revokedBy: string | undefined
  /** Names of the PipelineRuns that it made. */
  readonly children: readonly string[]
}

/** @throws CommandFailure where there is none, or it is a task of another run */
export async function findRun(
  { namespace, name, kind }: RunName,
  kube: Pick<KubeClient, 'get'>,
  signal: AbortSignal,
): Promise<FoundRun> {
  const kinds: readonly RunKind[] = kind === undefined ? ['PipelineRun', 'TaskRun'] : [kind]
  for (const one of kinds) {
    const resource = one === 'PipelineRun' ? resources.pipelineRuns : resources.taskRuns
    const object = await kube.get(resource, { namespace, name }, signal)
    const found = object && (one === 'PipelineRun' ? readPipelineRun(object) : readTaskRun(object))
    if (found !== undefined) return found
  }
  throw new CommandFailure(
    exitCodes.failed,
    `Namespace ${namespace} has no ${kinds.join(' and no ')} ${name}: what a deleted run was given has ended with it.`,
  )
}

function readPipelineRun(object: KubeObject): FoundRun | undefined {
  const parsed = parsePipelineRun(object)
  if (parsed === undefined) return undefined
  const children = parsed.status.childReferences.flatMap((one) => (one.kind === 'PipelineRun' ? (one.name ?? []) : []))
  const { namespace, name, uid } = parsed.metadata
  const state = { hasEnded: hasPipelineRunEnded(parsed), revokedBy: revokedBy(parsed.metadata) }
  return { kind: 'PipelineRun', namespace, name, uid, ...state, children }
}

/** @throws CommandFailure for a task of a PipelineRun, whose tokens end with that */
function readTaskRun(object: KubeObject): FoundRun | undefined {
  const parsed = parseTaskRun(object)
  if (parsed === undefined) return undefined
  const { namespace, name, uid } = parsed.metadata
  const owner = controllerOf(parsed.metadata)
  if (owner?.kind === 'PipelineRun') {
    const mend = `tokenbroker revoke --run ${namespace}/${owner.name}`
    throw new CommandFailure(
      exitCodes.usage,
      `${name} is a task of PipelineRun ${owner.name}, which is the run: ${mend}`,
    )
  }
  const state = { hasEnded: hasTaskRunEnded(parsed), revokedBy: revokedBy(parsed.metadata) }
  return { kind: 'TaskRun', namespace, name, uid, ...state, children: [] }
}
