import { type KubeClient, KubeError, type KubeObject, type ListOptions, type ObjectRef, type Resource } from './api.ts'
import { listAll } from './listing.ts'
import { asObject, objectLimits } from './objects.ts'
import { collectionPath, listQuery, objectPath } from './paths.ts'
import type { Transport } from './transport.ts'
import { watchEvents } from './watch-stream.ts'

/** The server ends each watch after this time, and we begin another: no stream grows old. */
const watchSeconds = '300'

/** The methods that read objects. */
export function createReading(transport: Transport): Pick<KubeClient, 'get' | 'list' | 'watch'> {
  return {
    async get<T extends KubeObject>(resource: Resource, ref: ObjectRef, signal: AbortSignal): Promise<T | undefined> {
      const path = objectPath(resource, ref)
      try {
        return asObject<T>(await transport.call({ method: 'GET', path, isRead: true, ...objectLimits }, signal), path)
      } catch (error) {
        if (error instanceof KubeError && error.status === 404) return undefined
        throw error
      }
    },

    list: <T extends KubeObject>(resource: Resource, options: ListOptions, signal: AbortSignal) =>
      listAll<T>(transport, resource, options, signal),

    async *watch<T extends KubeObject>(
      resource: Resource,
      { resourceVersion, ...options }: ListOptions & { readonly resourceVersion: string },
      signal: AbortSignal,
    ) {
      const path = collectionPath(resource, options.namespace)
      const wanted = { watch: 'true', allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds: watchSeconds }
      const body = await transport.stream(path, listQuery(options, wanted), signal)
      const { keepsManagedFields } = options
      yield* watchEvents<T>(body, `GET ${path}`, { maxLineLength: objectLimits.maxBytes, keepsManagedFields })
    },
  }
}
