import { type KubeObject, resources } from '../../core/io/kube/api.ts'
import type { FakeKube } from './kube/server.ts'
import { ApiError } from './kube/status.ts'
import { createPipelineRunReconciler } from './tekton/pipeline-run.ts'
import { type PlayedRun, playedRun } from './tekton/played-run.ts'
import type { PipelineRun, PipelineRunSpec, PipelineSpec } from './tekton/shapes.ts'
import { createTaskRunReconciler } from './tekton/task-run.ts'

export interface RunOptions extends Pick<PipelineRunSpec, 'params' | 'taskRunSpecs' | 'timeouts'> {
  /** Default `default`. */
  readonly namespace?: string
  /** Default: generated from `run-`. */
  readonly name?: string
  /** ServiceAccount of every task without one of its own; default `default`. Made when it is not there. */
  readonly serviceAccount?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

/** Plays Tekton's controllers on a fake cluster: for every PipelineRun and TaskRun in it, whoever made it. */
export interface FakeTekton {
  /** @param pipeline embedded in the run, or the name of a Pipeline of its namespace */
  createPipelineRun(pipeline: PipelineSpec | string, options?: RunOptions): PlayedRun
  /** A handle for a PipelineRun that somebody else created. @throws TypeError when there is none */
  run(namespace: string, name: string): PlayedRun
  /** What the API server refused the player itself; empty in a sound test. */
  readonly errors: readonly ApiError[]
  stop(): void
}

export interface TektonOptions {
  /** Node that pods are said to run on. Default `node1`. */
  readonly node?: string
}

export function startTekton(kube: FakeKube, { node = 'node1' }: TektonOptions = {}): FakeTekton {
  const pipelineRuns = createPipelineRunReconciler(kube)
  const taskRuns = createTaskRunReconciler(kube, { node })
  const queue = new Map<string, () => void>()
  const errors: ApiError[] = []

  function schedule(kind: string, namespace: string, name: string): void {
    if (queue.size === 0) setImmediate(drain)
    const { reconcile } = kind === 'TaskRun' ? taskRuns : pipelineRuns
    queue.set(`${kind}/${namespace}/${name}`, () => reconcile(namespace, name))
  }

  function drain(): void {
    const works = [...queue.values()]
    queue.clear()
    for (const work of works) attempt(work)
  }

  function attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      errors.push(error)
    }
  }

  function onChange({ kind, metadata: { namespace = '', name, ownerReferences = [] } }: KubeObject): void {
    if (kind !== 'CustomRun') schedule(kind, namespace, name)
    for (const owner of ownerReferences) if (owner.kind === 'PipelineRun') schedule(owner.kind, namespace, owner.name)
  }

  const kinds = [resources.pipelineRuns, resources.customRuns, resources.taskRuns]
  const subscriptions = kinds.map((kind) => kube.objects.watch(kind, (_type, object) => onChange(object)))

  function run(namespace: string, name: string): PlayedRun {
    const found = kube.objects.get<PipelineRun>(resources.pipelineRuns, { namespace, name })
    if (found === undefined) throw new TypeError(`there is no PipelineRun ${namespace}/${name}`)
    return playedRun({ kube, pipelineRuns, taskRuns }, { namespace, name, uid: found.metadata.uid })
  }

  return Object.freeze({
    createPipelineRun(pipeline, options = {}) {
      const { namespace = 'default', serviceAccount = 'default', taskRunSpecs = [] } = options
      for (const account of [
        serviceAccount,
        ...taskRunSpecs.map((task) => task.serviceAccountName ?? serviceAccount),
      ]) {
        ensureServiceAccount(kube, namespace, account)
      }
      const created = kube.objects.create(pipelineRunManifest(pipeline, { ...options, namespace, serviceAccount }))
      return run(namespace, created.metadata.name)
    },
    run,
    errors,
    stop() {
      for (const unsubscribe of subscriptions) unsubscribe()
      queue.clear()
    },
  } satisfies FakeTekton)
}

function pipelineRunManifest(pipeline: PipelineSpec | string, options: RunOptions): object {
  const { namespace, name, serviceAccount, labels = {}, annotations = {}, ...spec } = options
  const naming = name === undefined ? { generateName: 'run-' } : { name }
  const source = typeof pipeline === 'string' ? { pipelineRef: { name: pipeline } } : { pipelineSpec: pipeline }
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { ...naming, namespace, labels, annotations },
    spec: { ...spec, ...source, taskRunTemplate: { serviceAccountName: serviceAccount } },
  }
}

/** The `default` account comes with its namespace. */
function ensureServiceAccount(kube: FakeKube, namespace: string, name: string): void {
  if (name === 'default') return
  if (kube.objects.get(resources.serviceAccounts, { namespace, name }) !== undefined) return
  kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name } })
}
