import type { KubeObject } from '../../../core/io/kube/api.ts'
import type { FakeKube } from './server.ts'

/** ownerReferences to the object that controls another one. */
export function ownedBy({ apiVersion, kind, metadata: { name, uid } }: KubeObject, changes: object = {}): object {
  return { ownerReferences: [{ apiVersion, kind, name, uid, controller: true, ...changes }] }
}

/** A Deployment and its ReplicaSet, as the controller manager would make it. @returns the ReplicaSet */
export function createControllerReplicaSet(
  { objects }: FakeKube,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): KubeObject {
  const apiVersion = 'apps/v1'
  const deployment = objects.create({ apiVersion, kind: 'Deployment', metadata: { namespace, name }, spec: {} })
  const metadata = { namespace, name: `${name}-7d9f8`, ...ownedBy(deployment) }
  return objects.create({ apiVersion, kind: 'ReplicaSet', metadata, spec: {} })
}
