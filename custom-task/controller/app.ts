import type { Logger } from 'pino'
import type { Clock } from '../../core/clock.ts'
import type { KubeClient } from '../../core/io/kube/api.ts'
import { createEventRecorder, type EventRecorder } from '../../core/io/kube/events.ts'
import { createWorkQueue } from '../../core/io/kube/work-queue.ts'
import type { Delay, Random } from '../../core/io/system.ts'
import { createApply } from './apply.ts'
import { createAttempts } from './attempts.ts'
import type { Broker } from './broker.ts'
import { createCaches } from './caches.ts'
import { createDecidedApprovals } from './decided-approvals.ts'
import { createEndRun } from './end-run.ts'
import { followLiveRuns } from './follow-live-runs.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { observe } from './observe.ts'
import { createOwnWrites } from './own-writes.ts'
import { createPodRefusals } from './pod-refusals.ts'
import { createReconcile } from './reconcile.ts'
import { createRunEnds } from './run-ends.ts'
import { createSecretWork } from './secrets/secret-work.ts'
import { createWrite } from './write.ts'

export interface ControllerDeps {
  readonly kube: KubeClient
  readonly broker: Broker
  readonly clock: Clock
  readonly delay: Delay
  readonly random: Random
  /** Makes the part of an Event's name that keeps Events apart. */
  readonly newId: () => string
  /** Makes names of Secrets that nobody can guess. */
  readonly newSecretName: () => string
  readonly log: Logger
}

export interface ControllerOptions {
  /** Watch this namespace only; undefined for all. */
  readonly namespace: string | undefined
  /** CustomRuns that are worked on at once. */
  readonly concurrency: number
  /** Whether tokens may be put into Secrets. */
  readonly secretDelivery: boolean
  /** Name of this process in Events. */
  readonly instance: string
}

export interface Controller {
  /** Resolves when the caches are filled and work has begun, however long the API server takes. */
  start(signal: AbortSignal): Promise<void>
  isReady(): boolean
  readonly metrics: Metrics
  /** Takes nothing new and finishes what runs, which is broken off when `deadline` is aborted. */
  stop(deadline: AbortSignal): Promise<void>
}

/**
 * Puts the controller together: caches, queue, and what is done with a key. Two at a time would do no harm (writes name
 * the version they follow) but would ask the broker twice.
 */
export function createController(deps: ControllerDeps, options: ControllerOptions): Controller {
  const { kube, log, clock, delay, random } = deps
  const ownWrites = createOwnWrites()
  const attempts = createAttempts(deps)
  const list = options.namespace === undefined ? {} : { namespace: options.namespace }
  const caches = createCaches(
    { client: kube, list, log, clock, delay, random },
    { onChange: (key) => queue.add(key), onDelete: attempts.forget, onRun: (run) => runEnds.changed(run) },
  )
  const events = recorderOf(deps, options.instance)
  const metrics = createMetrics(() => queue.depth())
  const endRun = createEndRun({ broker: deps.broker, metrics, log })
  const runEnds = createRunEnds({ ...deps, seen: caches.seen, endRun, events })
  const stopping = new AbortController()
  const write = createWrite(kube, ownWrites)
  const secrets = createSecretWork({ ...deps, write, attempts, metrics })
  const observing = {
    kube,
    cachedPipelineRun: caches.pipelineRun,
    attempts,
    secretDelivery: options.secretDelivery,
    clock,
  }
  const refusals = createPodRefusals({ kube, events, log, clock, delay, random }, options.namespace)
  const approvals = createDecidedApprovals({ client: kube, list, log, clock, delay, random }, (runUid) => {
    for (const key of caches.keysOf(runUid)) {
      const uid = caches.customRun(key)?.customRun.metadata.uid
      if (uid === undefined) continue
      attempts.wake(uid)
      queue.add(key)
    }
  })
  const reconcile = createReconcile({
    cachedRun: caches.customRun,
    ownWrites,
    observe: (run, signal) => observe(run, observing, signal),
    apply: createApply({ ...deps, endRun, write, attempts, events, secrets, metrics }),
    requeue: (key, afterMs) => queue.addAfter(key, afterMs),
    clock,
    log,
  })
  const queue = createWorkQueue({ process: reconcile, concurrency: options.concurrency, log, clock, delay, random })

  return Object.freeze({
    async start(signal: AbortSignal): Promise<void> {
      refusals.start()
      approvals.start()
      await caches.start(signal)
      const { customRuns, pipelineRuns } = caches.size()
      log.info({ custom_runs: customRuns, pipeline_runs: pipelineRuns }, 'caches filled')
      void followLiveRuns({ ...deps, runEnds }, stopping.signal)
    },
    isReady: caches.isFresh,
    metrics,
    async stop(deadline: AbortSignal): Promise<void> {
      stopping.abort()
      await caches.stop()
      await Promise.all([
        queue.shutDown(deadline),
        runEnds.shutDown(deadline),
        refusals.stop(deadline),
        approvals.stop(),
      ])
    },
  })
}

function recorderOf({ kube: client, clock, newId: id, log }: ControllerDeps, instance: string): EventRecorder {
  return createEventRecorder({ client, component: 'tokenbroker-controller', instance, clock, id, log })
}
