import { type KubeClient, KubeError, type KubeObject, type ObjectRef, type PatchOptions, type Resource } from './api.ts'
import { asObject, isRecord, objectLimits } from './objects.ts'
import { collectionPath, objectPath } from './paths.ts'
import type { Transport } from './transport.ts'

const contentTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  // Every JSON document is YAML.
  apply: 'application/apply-patch+yaml',
} as const satisfies Record<PatchOptions['type'], string>

/** The methods that change objects. `delete` of what is gone succeeds; `apply` takes fields over from others (`force`). */
export function createWriting(transport: Transport): Pick<KubeClient, 'create' | 'wouldCreate' | 'patch' | 'delete'> {
  return {
    async create<T extends KubeObject>(resource: Resource, object: object, signal: AbortSignal): Promise<T> {
      const path = collectionPath(resource, namespaceOf(resource, object))
      const call = { method: 'POST', path, body: JSON.stringify(object), isRead: false, ...objectLimits } as const
      return asObject<T>(await transport.call(call, signal), path)
    },

    async wouldCreate(resource: Resource, object: object, signal: AbortSignal): Promise<void> {
      const path = collectionPath(resource, namespaceOf(resource, object))
      const call = { method: 'POST', path, query: 'dryRun=All', isRead: false, ...objectLimits } as const
      await transport.call({ ...call, body: JSON.stringify(object) }, signal)
    },

    async patch<T extends KubeObject>(
      resource: Resource,
      ref: ObjectRef,
      body: unknown,
      options: PatchOptions,
      signal: AbortSignal,
    ): Promise<T> {
      const path = objectPath(resource, ref, options.subresource)
      const call = { method: 'PATCH', path, query: patchQuery(options), isRead: false, ...objectLimits } as const
      const contentType = contentTypes[options.type]
      return asObject<T>(await transport.call({ ...call, contentType, body: JSON.stringify(body) }, signal), path)
    },

    async delete(resource: Resource, ref: ObjectRef & { readonly uid?: string }, signal: AbortSignal): Promise<void> {
      const preconditions = ref.uid === undefined ? {} : { preconditions: { uid: ref.uid } }
      const body = JSON.stringify({ propagationPolicy: 'Background', ...preconditions })
      const call = { method: 'DELETE', path: objectPath(resource, ref), body, isRead: false, ...objectLimits } as const
      try {
        await transport.call(call, signal)
      } catch (error) {
        if (!(error instanceof KubeError && error.status === 404)) throw error
      }
    },
  }
}

function namespaceOf(resource: Resource, object: object): string | undefined {
  if (!resource.isNamespaced) return undefined
  const namespace = 'metadata' in object && isRecord(object.metadata) ? object.metadata['namespace'] : undefined
  if (typeof namespace !== 'string') throw new TypeError(`${resource.plural} need a namespace`)
  return namespace
}

function patchQuery(options: PatchOptions): string {
  if (options.type === 'apply' && !options.fieldManager) throw new TypeError('apply needs a field manager')
  const query = new URLSearchParams()
  if (options.fieldManager) query.set('fieldManager', options.fieldManager)
  if (options.type === 'apply') query.set('force', 'true')
  return query.toString()
}
