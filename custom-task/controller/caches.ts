import type { Clock } from '../../core/clock.ts'
import { resources } from '../../core/io/kube/api.ts'
import { createInformer, type InformerOptions } from '../../core/io/kube/informer.ts'
import type { Change } from '../../core/io/kube/informer-store.ts'
import type { PipelineRun } from '../../core/tekton/pipeline-run.ts'
import type { RunReference } from './broker.ts'
import { keyOf, type OurRun, readOurRun } from './our-run.ts'
import { createOwnedRuns } from './owned-runs.ts'
import { type SeenRun, seePipelineRun, seeTaskRun, standaloneTaskRuns } from './run-cache.ts'

interface NamespacedName {
  readonly namespace: string
  readonly name: string
}

/** CustomRuns of ours and the runs that tokens may belong to, as last heard from the API server. */
export interface Caches {
  /** By the key of the work queue. */
  customRun(key: string): OurRun | undefined
  pipelineRun(ref: NamespacedName): PipelineRun | undefined
  /** Keys of the CustomRuns that a PipelineRun owns, by its UID. */
  keysOf(runUid: string): Iterable<string>
  /** A PipelineRun, or a TaskRun that stands alone. Another run of that name, or none, is `unseen`. */
  seen(run: RunReference): SeenRun | 'unseen'
  start(signal: AbortSignal): Promise<void>
  /** Filled, and not older than a few minutes. */
  isFresh(): boolean
  size(): { readonly customRuns: number; readonly pipelineRuns: number }
  stop(): Promise<void>
}

export interface CacheListener {
  /** The CustomRun, or the PipelineRun that owns it, is not what it was. */
  readonly onChange: (key: string) => void
  readonly onDelete: (uid: string) => void
  /** A run changed; one that was deleted has ended. */
  readonly onRun: (run: SeenRun) => void
}

type Common = Pick<InformerOptions<unknown>, 'client' | 'list' | 'log' | 'delay' | 'random'> & { readonly clock: Clock }

/** Bookmarks come once a minute; two that are missing mean that nobody answers. */
const maxSilenceMs = 150_000

export function createCaches(common: Common, { onChange, onDelete, onRun }: CacheListener): Caches {
  const owned = createOwnedRuns()
  const pipelineRuns = createInformer<SeenRun | undefined>({
    ...common,
    resource: resources.pipelineRuns,
    parse: seePipelineRun,
    onChange: (change) => {
      tellRun(change)
      if (change.value !== undefined) for (const key of owned.keysOf(change.value.run.uid)) onChange(key)
    },
  })
  const taskRuns = createInformer<SeenRun | undefined>({
    ...common,
    list: { ...common.list, labelSelector: standaloneTaskRuns },
    resource: resources.taskRuns,
    parse: seeTaskRun,
    onChange: tellRun,
  })
  const customRuns = createInformer<OurRun | undefined>({
    ...common,
    resource: resources.customRuns,
    parse: readOurRun,
    onChange: ({ kind, value }) => {
      if (value === undefined) return
      owned.changed(kind, value)
      if (kind === 'deleted') onDelete(value.customRun.metadata.uid)
      onChange(keyOf(value))
    },
  })

  function tellRun({ kind, value }: Change<SeenRun | undefined>): void {
    if (value !== undefined) onRun(kind === 'deleted' ? { ...value, hasEnded: true, revokedBy: undefined } : value)
  }

  function isFresh(heardAt: Date | undefined): boolean {
    return heardAt !== undefined && common.clock().getTime() - heardAt.getTime() < maxSilenceMs
  }

  return Object.freeze({
    customRun(key: string): OurRun | undefined {
      const [namespace = '', name = ''] = key.split('/')
      return customRuns.get({ namespace, name })
    },
    keysOf: owned.keysOf,
    pipelineRun: (ref: NamespacedName) => pipelineRuns.get(ref)?.pipelineRun,
    seen(run: RunReference): SeenRun | 'unseen' {
      const found = (run.kind === 'PipelineRun' ? pipelineRuns : taskRuns).get(run)
      return found?.run.uid === run.uid ? found : 'unseen'
    },
    async start(signal: AbortSignal): Promise<void> {
      // PipelineRuns first: a CustomRun whose owner is not cached costs a question to the API server.
      pipelineRuns.start()
      taskRuns.start()
      await pipelineRuns.synced(signal)
      customRuns.start()
      await customRuns.synced(signal)
    },
    isFresh: () => [pipelineRuns, taskRuns, customRuns].every((one) => one.hasSynced() && isFresh(one.heardAt())),
    size: () => ({ customRuns: customRuns.list().length, pipelineRuns: pipelineRuns.list().length }),
    async stop(): Promise<void> {
      await Promise.all([customRuns.stop(), pipelineRuns.stop(), taskRuns.stop()])
    },
  })
}
