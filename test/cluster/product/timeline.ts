import { kube } from '../harness/cluster.ts'
import type { KubeObject } from '../harness/kube.ts'
import { outcomeOf } from '../harness/pods.ts'
import { waitFor } from '../harness/wait.ts'

/** When a run and its custom run were seen to get on; milliseconds of one monotonic clock. */
export interface Timeline {
  /** The custom run's creation was heard of. */
  readonly created: number
  /** The PipelineRun's status named the custom run as its child. */
  readonly named: number
  /** The custom run succeeded. */
  readonly decided: number
  /** The PipelineRun was done. */
  readonly done: number
}

/** Follows runs by two watches of one client. */
export interface Stopwatch {
  /** Resolves when the run is done. */
  of(pipelineRun: KubeObject): Promise<Timeline>
  stop(): Promise<void>
}

type Partial = { -readonly [Moment in keyof Timeline]?: number }

export async function startStopwatch(namespace: string): Promise<Stopwatch> {
  const client = await kube()
  const ended = new AbortController()
  const timelines = new Map<string, Partial>()

  /** The first time that something is seen is its time. */
  function saw(run: string | undefined, moment: keyof Timeline): void {
    if (run === undefined) return
    const timeline = timelines.get(run) ?? {}
    timeline[moment] ??= performance.now()
    timelines.set(run, timeline)
  }

  function onCustomRun(customRun: KubeObject): void {
    const run = customRun.metadata.labels?.['tekton.dev/pipelineRun']
    saw(run, 'created')
    if (outcomeOf(customRun)?.status === 'True') saw(run, 'decided')
  }

  function onPipelineRun({ metadata, ...run }: KubeObject): void {
    if (run.status?.childReferences?.length > 0) saw(metadata.name, 'named')
    if (run.status?.completionTime !== undefined) saw(metadata.name, 'done')
  }

  const root = '/apis/tekton.dev'
  const watches = [
    client.watch(`${root}/v1beta1/namespaces/${namespace}/customruns`, (one) => onCustomRun(one.object), ended.signal),
    client.watch(`${root}/v1/namespaces/${namespace}/pipelineruns`, (one) => onPipelineRun(one.object), ended.signal),
  ]
  return {
    of: ({ metadata: { name = '' } }) =>
      waitFor(
        `${name} is done and every moment of it was seen`,
        (report) => {
          const timeline = timelines.get(name) ?? {}
          report(timeline)
          const { created, named, decided, done } = timeline
          if (created === undefined || named === undefined || decided === undefined || done === undefined)
            return undefined
          return { created, named, decided, done }
        },
        { intervalMs: 20 },
      ),
    async stop() {
      ended.abort()
      await Promise.all(watches)
    },
  }
}
