import type { KubeClient, KubeObject, ObjectRef, Resource } from '../../core/io/kube/api.ts'
import { Problem } from '../../core/problem.ts'
import type { ExpiringCache } from './expiring-cache.ts'

/** Reads objects for the walk from pod to run; answers may be as old as the cache allows (5 s). */
export type ReadObject = (resource: Resource, ref: ObjectRef) => Promise<KubeObject | undefined>

const readTimeoutMs = 3000

/**
 * @throws Problem `kubernetes_unavailable`; an object that is not there is `undefined` and is not cached, since Tekton
 *   writes the far end of a link a moment after the near one
 */
export function createObjectReader(kube: KubeClient, cache: ExpiringCache<KubeObject | undefined>): ReadObject {
  return function readObject(resource, ref) {
    const key = `${resource.plural} ${ref.namespace ?? ''} ${ref.name}`
    // A shared answer has its own deadline, not that of the caller who happened to ask first.
    const load = () => kube.get<KubeObject>(resource, ref, AbortSignal.timeout(readTimeoutMs))
    return cache
      .get(key, load, (object) => object !== undefined)
      .catch((cause) => {
        throw new Problem('kubernetes_unavailable', { detail: `reading ${resource.plural} got no answer`, cause })
      })
  }
}
