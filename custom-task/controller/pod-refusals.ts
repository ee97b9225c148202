import type { Logger } from 'pino'
import type { Clock } from '../../core/clock.ts'
import { type KubeClient, resources } from '../../core/io/kube/api.ts'
import type { EventRecorder } from '../../core/io/kube/events.ts'
import { createInformer } from '../../core/io/kube/informer.ts'
import { createWorkQueue } from '../../core/io/kube/work-queue.ts'
import type { Delay, Random } from '../../core/io/system.ts'
import { refusalEvent } from './refusal-event.ts'
import { type RefusedPod, readRefusedPod } from './refused-pod.ts'
import { runOfPod } from './run-of-pod.ts'

export interface PodRefusalsDeps {
  readonly kube: KubeClient
  readonly events: EventRecorder
  readonly log: Logger
  readonly clock: Clock
  readonly delay: Delay
  readonly random: Random
}

/** Tells TaskRuns and PipelineRuns why a pod of theirs got no token. */
export interface PodRefusals {
  start(): void
  stop(deadline: AbortSignal): Promise<void>
}

/**
 * Of all pods the API server sends only those that the webhook injected (its label) and that failed. Nothing waits for
 * this: without the right to list pods there are no such Events, and everything else goes on.
 */
const failedPods = { labelSelector: 'tokenbroker.dev/injected=true', fieldSelector: 'status.phase=Failed' } as const
/** Events live for an hour: one that was told is still there then, so a restart tells nothing twice. */
const maxAgeMs = 30 * 60_000
/** Tekton writes the name of its pod a moment after it made it. */
const unsettledMs = 60_000
const askAgainMs = 1000
const concurrency = 2

export function createPodRefusals(deps: PodRefusalsDeps, namespace: string | undefined): PodRefusals {
  const { kube, events, log, clock, delay, random } = deps
  const pods = createInformer<RefusedPod | undefined>({
    client: kube,
    resource: resources.pods,
    list: { ...failedPods, ...(namespace === undefined ? {} : { namespace }) },
    parse: readRefusedPod,
    onChange: ({ kind, value }) => {
      if (kind !== 'deleted' && value !== undefined) queue.add(`${value.namespace}/${value.name}`)
    },
    log,
    clock,
    delay,
    random,
  })
  const queue = createWorkQueue({ process: tell, concurrency, log, clock, delay, random })

  async function tell(key: string, signal: AbortSignal): Promise<void> {
    const [place = '', name = ''] = key.split('/')
    const pod = pods.get({ namespace: place, name })
    const ageMs = pod === undefined ? 0 : clock().getTime() - pod.endedAt.getTime()
    if (pod === undefined || ageMs > maxAgeMs) return
    const origin = await runOfPod(pod, kube, signal)
    const isUnsettled = origin.kind === 'unsettled' || (origin.kind === 'found' && origin.isParentUnsettled)
    if (isUnsettled && ageMs < unsettledMs) queue.addAfter(key, askAgainMs)
    if (origin.kind !== 'found') return
    await events.record(origin.taskRun, refusalEvent(pod), signal)
    if (origin.pipelineRun === undefined) return
    await events.record(origin.pipelineRun, refusalEvent(pod, pod.taskRun.name), signal)
  }

  return Object.freeze({
    start: () => pods.start(),
    async stop(deadline: AbortSignal): Promise<void> {
      await pods.stop()
      await queue.shutDown(deadline)
    },
  })
}
