import type { KubeObject } from '../../core/io/kube/api.ts'
import { isDone } from '../../core/tekton/fields.ts'
import { hasPipelineRunEnded, type PipelineRun, parsePipelineRun } from '../../core/tekton/pipeline-run.ts'
import { revokedBy } from '../../core/tekton/revocation.ts'
import { hasTaskRunEnded, parseTaskRun } from '../../core/tekton/task-run.ts'
import type { RunReference } from './broker.ts'
import { asksForToken } from './pipeline-run-cache.ts'

/** Children of a PipelineRun carry its name, so this leaves the TaskRuns that stand alone. */
export const standaloneTaskRuns = '!tekton.dev/pipelineRun'

/** A PipelineRun or a TaskRun as it was seen last. */
export interface SeenRun {
  readonly run: RunReference
  readonly resourceVersion: string
  /** Nothing may be issued to it any more. */
  readonly hasEnded: boolean
  /** The person who withdrew what it was given, as long as it goes on otherwise. */
  readonly revokedBy: string | undefined
  /** Of a pipeline that asks for tokens, or is not known yet; of others, which is most of a cluster, nothing more is kept. */
  readonly pipelineRun?: PipelineRun | undefined
}

export function seePipelineRun(object: KubeObject): SeenRun | undefined {
  const parsed = parsePipelineRun(object)
  if (parsed === undefined) return undefined
  const seen = see('PipelineRun', object, { ...parsed, hasEnded: hasPipelineRunEnded(parsed) })
  return asksForToken(parsed) ? { ...seen, pipelineRun: parsed } : seen
}

export function seeTaskRun(object: KubeObject): SeenRun | undefined {
  const parsed = parseTaskRun(object)
  return parsed && see('TaskRun', object, { ...parsed, hasEnded: hasTaskRunEnded(parsed) })
}

function see(
  kind: RunReference['kind'],
  object: KubeObject,
  { metadata, status, hasEnded }: Pick<PipelineRun, 'metadata'> & Status & { readonly hasEnded: boolean },
): SeenRun {
  const { namespace, name, uid } = metadata
  const isOver = metadata.deletionTimestamp !== undefined || isDone(status.conditions)
  return {
    run: { namespace, kind, name, uid },
    resourceVersion: object.metadata.resourceVersion,
    hasEnded,
    revokedBy: isOver ? undefined : revokedBy(metadata),
  }
}

interface Status {
  readonly status: Pick<PipelineRun['status'], 'conditions'>
}

/** `<namespace>/<kind>/<name>/<uid>`, as the broker names a run. */
export function keyOfRun({ namespace, kind, name, uid }: RunReference): string {
  return `${namespace}/${kind}/${name}/${uid}`
}

/** @returns undefined for what is no run, or of a kind that this version does not know */
export function parseRunKey(text: string): RunReference | undefined {
  const [namespace, kind, name, uid, ...rest] = text.split('/')
  if (!(namespace && name && uid) || rest.length > 0) return undefined
  return kind === 'PipelineRun' || kind === 'TaskRun' ? { namespace, kind, name, uid } : undefined
}
