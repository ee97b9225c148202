import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { backoffMs } from '../backoff.ts'
import type { Delay, Random } from '../system.ts'
import { type KubeClient, KubeError, type KubeObject, type ListOptions, type Resource } from './api.ts'
import { createWatchdog } from './watchdog.ts'

export interface ReflectorOptions {
  readonly client: Pick<KubeClient, 'list' | 'watch'>
  readonly resource: Resource
  readonly list: ListOptions
  readonly log: Logger
  readonly maxSilenceMs: number
  /** Looked at whenever something is heard, which bookmarks see to. */
  readonly relistMs: number
  readonly clock: Clock
  readonly delay: Delay
  readonly random: Random
}

/** Where the objects go. None of these may throw. */
export interface ReflectorSink {
  replace(objects: readonly KubeObject[]): void
  put(object: KubeObject): void
  remove(object: KubeObject): void
  /** The API server has been heard. */
  heard(): void
  /** It was asked in vain, or the stream broke. */
  failed(error: unknown): void
}

interface Round {
  /** Where the next watch begins; undefined asks for a list. */
  readonly next: string | undefined
  /** Whether it brought anything; a round that did not counts as a failure. */
  readonly isAlive: boolean
  readonly error?: unknown
}

const backoff = { baseMs: 500, maxMs: 30_000 } as const
/** So many failures in a row mean that the resource version itself may be the trouble (a restored etcd). */
const failuresUntilList = 3
/** A watch that ends sooner, without an event, failed: a server that closes at once must not be asked in a loop. */
const minWatchMs = 1000

/**
 * Lists, then watches from there, until `signal` is aborted: broken or silent streams, 410, refusals and restarts of the
 * API server lead to another round after a jittered wait of at most 30 s.
 */
export async function reflect(options: ReflectorOptions, sink: ReflectorSink, signal: AbortSignal): Promise<void> {
  const { resource, log, random, delay, clock } = options
  let failures = 0
  let from: string | undefined
  let relistAt = 0
  while (!signal.aborted) {
    if (from === undefined) relistAt = clock().getTime() + options.relistMs
    const round: Round =
      from === undefined ? await list(options, sink, signal) : await follow(options, { from, relistAt }, sink, signal)
    if (signal.aborted) return
    failures = countFailures(failures, round)
    from = failures >= failuresUntilList ? undefined : round.next
    if (failures === 0) continue
    if (round.error !== undefined) sink.failed(round.error)
    log[failures > 1 ? 'warn' : 'debug']({ err: round.error, resource: resource.plural, failures }, 'watch interrupted')
    // Rejects only when the signal is aborted, and then the loop ends.
    await delay(backoffMs(failures - 1, backoff, random), signal).catch(() => undefined)
  }
}

/** Failures in a row: an error after events is the first of a new row. */
function countFailures(before: number, round: Round): number {
  if (!round.isAlive) return before + 1
  return round.error === undefined ? 0 : 1
}

async function list(options: ReflectorOptions, sink: ReflectorSink, signal: AbortSignal): Promise<Round> {
  try {
    const listed = await options.client.list(options.resource, options.list, signal)
    sink.heard()
    sink.replace(listed.items)
    return { next: listed.resourceVersion, isAlive: true }
  } catch (error) {
    return { next: undefined, isAlive: false, error }
  }
}

async function follow(
  options: ReflectorOptions,
  { from, relistAt }: { readonly from: string; readonly relistAt: number },
  sink: ReflectorSink,
  signal: AbortSignal,
): Promise<Round> {
  const { client, resource, clock } = options
  const now = (): number => clock().getTime()
  const began = now()
  const dog = createWatchdog(options.maxSilenceMs, signal, clock, options.delay)
  let next = from
  let isAlive = false
  try {
    for await (const event of client.watch(resource, { ...options.list, resourceVersion: from }, dog.signal)) {
      dog.touch()
      sink.heard()
      isAlive = true
      next = event.kind === 'bookmark' ? event.resourceVersion : event.object.metadata.resourceVersion
      if (event.kind === 'deleted') sink.remove(event.object)
      else if (event.kind !== 'bookmark') sink.put(event.object)
      if (now() >= relistAt) return { next: undefined, isAlive }
    }
    return { next, isAlive: isAlive || now() - began >= minWatchMs }
  } catch (error) {
    return { next: isExpired(error) ? undefined : next, isAlive, error }
  } finally {
    dog.stop()
  }
}

function isExpired(error: unknown): boolean {
  return error instanceof KubeError && error.status === 410
}
