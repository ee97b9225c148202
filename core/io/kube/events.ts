import type { Logger } from 'pino'
import { type Clock, rfc3339 } from '../../clock.ts'
import { type KubeClient, KubeError, type KubeObject, type ObjectRef, resources } from './api.ts'

export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'create' | 'patch'>
  /** Who reports, such as `tokenbroker-controller`. */
  readonly component: string
  /** Name of the pod that reports. */
  readonly instance: string
  readonly clock: Clock
  /** Makes the part of the name that keeps Events apart: lower case letters, digits and hyphens. */
  readonly id: () => string
  readonly log: Logger
}

export interface ObjectEvent {
  readonly type: 'Normal' | 'Warning'
  /** One CamelCase word. */
  readonly reason: string
  /** Cut off at 1024 characters, as the API server would refuse more. */
  readonly message: string
  /**
   * Lower case letters, digits and hyphens. With it the Event has a name of its own, so that it is told once, also by
   * another process: one of that name that is there already stays as it is.
   */
  readonly key?: string
}

/** Tells what happened to an object, for `kubectl describe`. */
export interface EventRecorder {
  /** Never throws for want of an Event: a failure is logged. The same event again only counts up the first one. */
  record(about: KubeObject, event: ObjectEvent, signal: AbortSignal): Promise<void>
}

interface Told {
  readonly ref: ObjectRef
  readonly count: number
}

/** Distinct events that are remembered; the oldest are forgotten, and then told as new ones. */
const maxTold = 1024

/** Makes a recorder. Events live for an hour in most clusters. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, log } = options
  const told = new Map<string, Told>()

  function remember(key: string, entry: Told): void {
    told.delete(key)
    told.set(key, entry)
    const [oldest] = told.keys()
    if (told.size > maxTold && oldest !== undefined) told.delete(oldest)
  }

  async function create(key: string, about: KubeObject, event: ObjectEvent, signal: AbortSignal): Promise<void> {
    const namespace = about.metadata.namespace ?? 'default'
    const ref = { namespace, name: `${about.metadata.name.slice(0, 200)}.${event.key ?? options.id()}` }
    try {
      await client.create(resources.events, eventObject(ref, about, event, options), signal)
    } catch (error) {
      if (event.key === undefined || !(error instanceof KubeError) || error.status !== 409) throw error
    }
    remember(key, { ref, count: 1 })
  }

  async function countUp(key: string, before: Told, signal: AbortSignal): Promise<boolean> {
    const count = before.count + 1
    const body = { count, lastTimestamp: rfc3339(clock()) }
    try {
      await client.patch(resources.events, before.ref, body, { type: 'merge' }, signal)
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return false
      throw error
    }
    remember(key, { ref: before.ref, count })
    return true
  }

  return Object.freeze({
    async record(about: KubeObject, event: ObjectEvent, signal: AbortSignal): Promise<void> {
      const key = JSON.stringify([about.metadata.uid, event.type, event.reason, event.message])
      try {
        const before = told.get(key)
        if (before && event.key !== undefined) return
        if (!before || !(await countUp(key, before, signal))) await create(key, about, event, signal)
      } catch (error) {
        const { namespace, name } = about.metadata
        log.warn({ err: error, reason: event.reason, kind: about.kind, namespace, object: name }, 'event not recorded')
      }
    },
  })
}

function eventObject(ref: ObjectRef, about: KubeObject, event: ObjectEvent, options: EventRecorderOptions): object {
  const { namespace, name, uid, resourceVersion } = about.metadata
  const at = rfc3339(options.clock())
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: ref,
    involvedObject: { apiVersion: about.apiVersion, kind: about.kind, namespace, name, uid, resourceVersion },
    type: event.type,
    reason: event.reason,
    message: event.message.slice(0, 1024),
    count: 1,
    firstTimestamp: at,
    lastTimestamp: at,
    source: { component: options.component },
    reportingComponent: options.component,
    reportingInstance: options.instance,
  }
}
