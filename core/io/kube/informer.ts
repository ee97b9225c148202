import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { type Delay, type Random, systemClock, systemDelay, systemRandom } from '../system.ts'
import type { KubeClient, KubeObject, ListOptions, ObjectRef, Resource } from './api.ts'
import { type Change, createInformerStore } from './informer-store.ts'
import { reflect } from './reflector.ts'

export interface InformerOptions<T> {
  readonly client: Pick<KubeClient, 'list' | 'watch'>
  readonly resource: Resource
  /** Default: every object of the kind. */
  readonly list?: ListOptions
  /** Makes what is kept; default: the object itself. A throw is logged and the object counts as absent. */
  readonly parse?: (object: KubeObject) => T
  /** Told of every change, after the cache has it. A throw or rejection is logged and changes nothing else. */
  readonly onChange?: (change: Change<T>) => void | Promise<void>
  readonly log: Logger
  /** A watch without any event or bookmark for so long is begun anew. Default 90 s; servers send a bookmark a minute. */
  readonly maxSilenceMs?: number
  /** List anew at least this often, against what watches may have missed. Default: never. */
  readonly relistMs?: number
  readonly clock?: Clock
  readonly delay?: Delay
  readonly random?: Random
}

/** A cache of one kind that follows the API server. */
export interface Informer<T> {
  /** Begins; further calls do nothing. */
  start(): void
  /** Ends for good: no handler is called any more when it resolves. */
  stop(): Promise<void>
  /** Whether the first list is in the cache. */
  hasSynced(): boolean
  /** Resolves when the first list is in the cache. @throws the signal's reason */
  synced(signal: AbortSignal): Promise<void>
  /** When the API server was last heard (list, event or bookmark); the cache is as old as this. */
  heardAt(): Date | undefined
  /** What went wrong last; undefined as soon as the API server is heard again. */
  failure(): unknown
  get(ref: ObjectRef): T | undefined
  list(namespace?: string): readonly T[]
}

/** Makes an informer; {@link reflect} says what it survives, which is everything but `stop`. */
export function createInformer<T = KubeObject>(options: InformerOptions<T>): Informer<T> {
  const { log, resource, clock = systemClock } = options
  const store = createInformerStore(parserOf(options))
  const tell = createTeller(options)
  const stopping = new AbortController()
  const first = Promise.withResolvers<void>()
  let isSynced = false
  let heardAt: Date | undefined
  let failure: unknown
  let running: Promise<void> | undefined

  const sink = {
    heard: () => {
      heardAt = clock()
      failure = undefined
    },
    failed: (error: unknown) => {
      failure = error
    },
    put: (object: KubeObject) => tell(store.put(object)),
    remove: (object: KubeObject) => tell(store.remove(object)),
    replace(objects: readonly KubeObject[]): void {
      const changes = store.replace(objects)
      isSynced = true
      tell(changes)
      first.resolve()
    },
  }
  const reflector = {
    client: options.client,
    resource,
    list: options.list ?? {},
    log,
    maxSilenceMs: options.maxSilenceMs ?? 90_000,
    relistMs: options.relistMs ?? Number.POSITIVE_INFINITY,
    clock,
    delay: options.delay ?? systemDelay,
    random: options.random ?? systemRandom,
  }

  return Object.freeze({
    start(): void {
      running ??= reflect(reflector, sink, stopping.signal)
    },
    async stop(): Promise<void> {
      stopping.abort()
      await running
    },
    hasSynced: () => isSynced,
    synced: (signal: AbortSignal) => untilAborted(first.promise, signal),
    heardAt: () => heardAt,
    failure: () => failure,
    get: (ref: ObjectRef) => store.get(ref),
    list: (namespace?: string) => store.list(namespace),
  })
}

function parserOf<T>({ parse, log, resource }: InformerOptions<T>): (object: KubeObject) => T | undefined {
  if (!parse) return (object) => object as T
  return (object) => {
    try {
      return parse(object)
    } catch (error) {
      const { namespace, name } = object.metadata
      log.warn({ err: error, resource: resource.plural, namespace, object: name }, 'object is not usable')
      return undefined
    }
  }
}

function createTeller<T>({ onChange, log, resource }: InformerOptions<T>): (changes: readonly Change<T>[]) => void {
  const failed = (error: unknown) => log.error({ err: error, resource: resource.plural }, 'change handler failed')
  return (changes) => {
    for (const change of changes) {
      try {
        Promise.resolve(onChange?.(change)).catch(failed)
      } catch (error) {
        failed(error)
      }
    }
  }
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
