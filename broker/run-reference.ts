import { type CustomRunReference, parseCustomRunReference } from '../core/identity/run.ts'
import { type KubeClient, resources } from '../core/io/kube/api.ts'
import { hasPipelineRunEnded, parsePipelineRun } from '../core/tekton/pipeline-run.ts'
import { revokedBy } from '../core/tekton/revocation.ts'
import { hasTaskRunEnded, parseTaskRun } from '../core/tekton/task-run.ts'
import { read } from './identity/walk-pod.ts'

/** A run as the controller names it. */
export type RunReference = CustomRunReference & { readonly kind: 'PipelineRun' | 'TaskRun' }

/** @param text `<namespace>/<kind>/<name>/<uid>`, of which anything else is undefined */
export function parseRunReference(text: string | undefined): RunReference | undefined {
  const [namespace, kind, ...rest] = text?.split('/') ?? []
  const reference = parseCustomRunReference([namespace, ...rest].join('/'))
  if (reference === undefined || (kind !== 'PipelineRun' && kind !== 'TaskRun')) return undefined
  return { ...reference, kind }
}

/** A user name may have any length; a record may not. */
const maxUserLength = 256

/** What the API server says of a run now. */
export interface RunState {
  readonly hasEnded: boolean
  /** The person who withdrew what it was given. */
  readonly revokedBy: string | undefined
}

/**
 * A run that is gone, or whose name another run has now, has ended too. That the name goes with the UID cannot be seen
 * then, and need not be: what was granted is found by both.
 */
export async function readRunState(run: RunReference, kube: KubeClient, signal: AbortSignal): Promise<RunState> {
  const { kind, namespace, name, uid } = run
  const resource = kind === 'PipelineRun' ? resources.pipelineRuns : resources.taskRuns
  const object = await read(kube, resource, { namespace, name }, signal)
  if (object === undefined || object.metadata.uid !== uid) return { hasEnded: true, revokedBy: undefined }
  const pipelineRun = parsePipelineRun(object)
  const taskRun = parseTaskRun(object)
  const hasEnded =
    pipelineRun === undefined ? taskRun !== undefined && hasTaskRunEnded(taskRun) : hasPipelineRunEnded(pipelineRun)
  return { hasEnded, revokedBy: revokedBy(object.metadata)?.slice(0, maxUserLength) }
}
