/** How far the walk from pod to run can be trusted; design: what `verified` means. */
export type Assurance = 'verified' | 'claimed' | 'none'

export interface ObjectId {
  readonly name: string
  readonly uid: string
}

/**
 * The run that a request belongs to, as found by walking UIDs, never names.
 * A run is a PipelineRun, or a TaskRun that stands alone.
 */
export interface Run {
  readonly assurance: Assurance
  readonly pipeline: string | undefined
  readonly pipelineRun: ObjectId | undefined
  /** Name of the pipeline task, from `PipelineRun.status.childReferences`, not from a label. */
  readonly task: string | undefined
  readonly taskRun: ObjectId | undefined
  readonly customRun: ObjectId | undefined
  readonly initiator: string | undefined
  /** True once the run has a completion time or is being deleted: nothing is issued to it any more. */
  readonly hasEnded: boolean
  /** When Tekton will stop the run, where it says so. */
  readonly deadline: Date | undefined
}

/** A pod that no Tekton run made. */
export const noRun: Run = {
  assurance: 'none',
  pipeline: undefined,
  pipelineRun: undefined,
  task: undefined,
  taskRun: undefined,
  customRun: undefined,
  initiator: undefined,
  hasEnded: false,
  deadline: undefined,
}

/** The object whose end ends everything that was granted: the PipelineRun, else the TaskRun that stands alone. */
export function runObject(run: Run): (ObjectId & { readonly kind: 'PipelineRun' | 'TaskRun' }) | undefined {
  if (run.pipelineRun !== undefined) return { kind: 'PipelineRun', ...run.pipelineRun }
  return run.taskRun === undefined ? undefined : { kind: 'TaskRun', ...run.taskRun }
}

/**
 * One text for one run of all clusters. Kind, namespace and name stand beside the UID, so that what is said of a run
 * under another name, or from another cluster, is said of another run.
 */
export function runKey(
  { cluster, namespace }: { readonly cluster: string; readonly namespace: string },
  { kind, name, uid }: ObjectId & { readonly kind: 'PipelineRun' | 'TaskRun' },
): string {
  return `${cluster}/${namespace}/${kind}/${name}/${uid}`
}

/** `<namespace>/<name>/<uid>` of a CustomRun, as the controller names it in `subject_token`. */
export interface CustomRunReference extends ObjectId {
  readonly namespace: string
}

const namePattern = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/
const uidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export function parseCustomRunReference(text: string): CustomRunReference | undefined {
  const [namespace = '', name = '', uid = '', ...rest] = text.split('/')
  const isValid = namePattern.test(namespace) && namePattern.test(name) && uidPattern.test(uid) && rest.length === 0
  return isValid ? { namespace, name, uid } : undefined
}
