import type { Clock } from '../../clock.ts'
import type { Secret } from '../../secret.ts'
import { type Delay, type Random, systemClock, systemDelay, systemRandom } from '../system.ts'
import {
  type AccessReviewRequest,
  type KubeClient,
  KubeError,
  type KubeObject,
  type ListOptions,
  type ObjectRef,
  type PatchOptions,
  type Resource,
} from './api.ts'
import { createConnection, type KubeCredentials } from './connection.ts'
import { KubeUnreachable } from './failure.ts'
import { listAll } from './listing.ts'
import { isKubeObject, isRecord, tidyObject } from './objects.ts'
import { collectionPath, listQuery, objectPath } from './paths.ts'
import { createRetry } from './retry.ts'
import {
  accessReviewBody,
  accessReviewPath,
  readAccessReview,
  readTokenReview,
  tokenReviewBody,
  tokenReviewPath,
} from './reviews.ts'
import { createTransport } from './transport.ts'
import { watchEvents } from './watch-stream.ts'

export interface KubeClientOptions {
  readonly credentials: KubeCredentials
  /** Told when a certificate or token file cannot be read and the last good one stays in use. */
  readonly onError?: (error: unknown) => void
  readonly clock?: Clock
  readonly delay?: Delay
  readonly random?: Random
}

const objectBytes = 8 * 1024 * 1024
const jsonBytes = 256 * 1024
const timeoutMs = 10_000
/** On the way of every exchange; the next try is worth more than a long wait for this one. */
const reviewTimeoutMs = 3000
/** The server ends each watch after this time, and we begin another: no stream grows old. */
const watchSeconds = '300'

const contentTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  // Every JSON document is YAML.
  apply: 'application/apply-patch+yaml',
} as const satisfies Record<PatchOptions['type'], string>

/**
 * A client for one API server, on shared sockets. Limits: 10 s for one try of a call (3 s for a review, 30 s for a page
 * of a list), 8 MiB for an object, at most 4 tries. `delete` of what is gone already succeeds; `apply` takes fields over
 * from other managers (`force`). Reviews change nothing and are retried as reads are.
 *
 * @throws TypeError for an address that is not usable
 */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  const { credentials, clock = systemClock, delay = systemDelay, random = systemRandom } = options
  const connection = createConnection(credentials, clock, options.onError ?? (() => undefined))
  const retry = createRetry({ delay, random, renew: () => connection.renewToken() })
  const transport = createTransport(connection, retry, clock)
  const ofObject = { maxBytes: objectBytes, timeoutMs } as const
  const ofReview = { method: 'POST', isRead: true, maxBytes: objectBytes, timeoutMs: reviewTimeoutMs } as const

  return Object.freeze({
    async get<T extends KubeObject>(resource: Resource, ref: ObjectRef, signal: AbortSignal): Promise<T | undefined> {
      const path = objectPath(resource, ref)
      try {
        return asObject<T>(await transport.call({ method: 'GET', path, isRead: true, ...ofObject }, signal), path)
      } catch (error) {
        if (error instanceof KubeError && error.status === 404) return undefined
        throw error
      }
    },

    list: <T extends KubeObject>(resource: Resource, list: ListOptions, signal: AbortSignal) =>
      listAll<T>(transport, resource, list, signal),

    async *watch<T extends KubeObject>(
      resource: Resource,
      { resourceVersion, ...list }: ListOptions & { readonly resourceVersion: string },
      signal: AbortSignal,
    ) {
      const path = collectionPath(resource, list.namespace)
      const query = listQuery(list, {
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion,
        timeoutSeconds: watchSeconds,
      })
      const body = await transport.stream(path, query, signal)
      yield* watchEvents<T>(body, `GET ${path}`, objectBytes)
    },

    async create<T extends KubeObject>(resource: Resource, object: object, signal: AbortSignal): Promise<T> {
      const namespace = namespaceOf(resource, object)
      const path = collectionPath(resource, namespace)
      const call = { method: 'POST', path, body: JSON.stringify(object), isRead: false, ...ofObject } as const
      return asObject<T>(await transport.call(call, signal), path)
    },

    async patch<T extends KubeObject>(
      resource: Resource,
      ref: ObjectRef,
      body: unknown,
      patch: PatchOptions,
      signal: AbortSignal,
    ): Promise<T> {
      const path = objectPath(resource, ref, patch.subresource)
      const call = { method: 'PATCH', path, query: patchQuery(patch), isRead: false, ...ofObject } as const
      const contentType = contentTypes[patch.type]
      return asObject<T>(await transport.call({ ...call, contentType, body: JSON.stringify(body) }, signal), path)
    },

    async delete(resource: Resource, ref: ObjectRef & { readonly uid?: string }, signal: AbortSignal): Promise<void> {
      const preconditions = ref.uid === undefined ? {} : { preconditions: { uid: ref.uid } }
      const body = JSON.stringify({ propagationPolicy: 'Background', ...preconditions })
      try {
        await transport.call(
          { method: 'DELETE', path: objectPath(resource, ref), body, isRead: false, ...ofObject },
          signal,
        )
      } catch (error) {
        if (!(error instanceof KubeError && error.status === 404)) throw error
      }
    },

    tokenReview: async (token: Secret, audience: string, signal: AbortSignal) =>
      readTokenReview(
        await transport.call({ ...ofReview, path: tokenReviewPath, body: tokenReviewBody(token, audience) }, signal),
      ),

    subjectAccessReview: async (request: AccessReviewRequest, signal: AbortSignal) =>
      readAccessReview(
        await transport.call({ ...ofReview, path: accessReviewPath, body: accessReviewBody(request) }, signal),
      ),

    getJson: async (path: string, signal: AbortSignal) => {
      if (!/^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/.test(path)) throw new TypeError('getJson takes an absolute path')
      return await transport.call({ method: 'GET', path, isRead: true, maxBytes: jsonBytes, timeoutMs }, signal)
    },

    close: () => connection.close(),
  })
}

function asObject<T extends KubeObject>(body: unknown, path: string): T {
  if (!isKubeObject(body)) throw new KubeUnreachable(`${path} was answered with something that is no object`)
  return tidyObject<T>(body)
}

function namespaceOf(resource: Resource, object: object): string | undefined {
  const metadata = 'metadata' in object && isRecord(object.metadata) ? object.metadata : {}
  const namespace = metadata['namespace']
  if (!resource.isNamespaced) return undefined
  if (typeof namespace !== 'string') throw new TypeError(`${resource.plural} need a namespace`)
  return namespace
}

function patchQuery(patch: PatchOptions): string {
  if (patch.type === 'apply' && !patch.fieldManager) throw new TypeError('apply needs a field manager')
  const query = new URLSearchParams()
  if (patch.fieldManager) query.set('fieldManager', patch.fieldManager)
  if (patch.type === 'apply') query.set('force', 'true')
  return query.toString()
}
