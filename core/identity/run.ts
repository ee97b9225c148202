/** How far the walk from pod to run can be trusted; design: what `verified` means. */
export type Assurance = 'verified' | 'claimed' | 'none'

export interface ObjectId {
  readonly name: string
  readonly uid: string
}

/** Who caused a run, as our admission stamped it, or as a verified event names that person. */
export interface Initiator {
  /** User name as Kubernetes knows it, or as the login map of the event's sender says. */
  readonly username: string
  readonly uid: string | undefined
  readonly kind: 'person' | 'serviceaccount' | 'event'
  /** Whether admission made the stamp unforgeable when it was written. */
  readonly isProved: boolean
}

/** Where the text of a pipeline or task came from. @see Tekton `status.provenance.refSource` */
export interface Source {
  /** As Tekton recorded it, such as `git+https://github.com/acme/pipelines.git`. */
  readonly uri: string
  /** Digest of what was fetched, `<algorithm>:<hex>`, such as `sha1:<commit>`. */
  readonly digest: string | undefined
  readonly entryPoint: string | undefined
  /** What was asked for: a branch, a tag, or a commit; from the resolver's params, which nobody can edit. */
  readonly revision: string | undefined
}

/** What the labels of Tekton Triggers say; anybody who may create a run may write them. */
export interface TriggerClaim {
  readonly eventListener: string
  readonly trigger: string
  readonly eventId: string
}

/** An event whose sender the broker itself verified, and that no other run has used. */
export interface VerifiedEvent {
  readonly id: string
  /** Name of the sender's entry in the configuration. */
  readonly sender: string
  readonly kind: 'github' | 'gitlab' | 'hmac'
  readonly eventListener: { readonly namespace: string; readonly name: string }
  readonly trigger: { readonly namespace: string; readonly name: string }
  /** Hex SHA-256 of the raw body. */
  readonly bodyDigest: string
  readonly receivedAt: Date
  /** Login of the person at the sender, and who that is here where a login map says so. */
  readonly login: string | undefined
  readonly person: string | undefined
  /** What policy may use as `event.*`. */
  readonly fields: Readonly<Record<string, string | number | boolean>>
}

/** One step of the walk from a pod or CustomRun to what caused its run. */
export interface Evidence {
  readonly hop: string
  readonly verdict: 'proved' | 'claimed'
  /** Why it is a claim only; for operators and the record. */
  readonly detail?: string
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
  readonly initiator: Initiator | undefined
  /** User name that admission stamped, also where an event names the person who is the initiator. */
  readonly maker: string | undefined
  /** Of the Pipeline; undefined for one that is written in the run or stored in the cluster. */
  readonly source: Source | undefined
  /** Of the task that asks; undefined as for {@link source}, and for a CustomRun, whose text is the Pipeline's. */
  readonly taskSource: Source | undefined
  /** Whether the run or its task sets a podTemplate, which can put variables and volumes into a step. */
  readonly hasPodTemplate: boolean
  /** The run says of itself, by an annotation, that an agent is at work; can only restrict. */
  readonly isMarkedAgent: boolean
  readonly trigger: TriggerClaim | undefined
  readonly event: VerifiedEvent | undefined
  readonly evidence: readonly Evidence[]
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
  maker: undefined,
  source: undefined,
  taskSource: undefined,
  hasPodTemplate: false,
  isMarkedAgent: false,
  trigger: undefined,
  event: undefined,
  evidence: [],
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
