import { z } from 'zod'
import type { WorkloadClaims } from '../../core/identity/workload.ts'
import { type KubeClient, type Resource, resources } from '../../core/io/kube/api.ts'
import { controllerOf, metadata, type Owner } from '../../core/tekton/fields.ts'
import { hasPodEnded, parsePod, podAddresses } from '../../core/tekton/pod.ts'
import { read } from './walk-pod.ts'

/** The pod of a caller, and what is against its being the controller's. */
export interface ControllerPod {
  readonly fault: string | undefined
  readonly addresses: readonly string[]
}

const owned = z.object({ metadata })

/**
 * From a pod over its ReplicaSet to its Deployment, each by name and UID.
 *
 * @param deployment undefined: only the pod is looked at
 */
export async function walkController(
  { namespace, pod: { name, uid } }: WorkloadClaims,
  deployment: string | undefined,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<ControllerPod> {
  const pod = parsePod(await read(kube, resources.pods, { namespace, name }, signal))
  if (pod?.metadata.uid !== uid) return faulty('the pod of the token does not exist')
  if (hasPodEnded(pod)) return faulty('the pod of the token has ended')
  const addresses = podAddresses(pod)
  if (deployment === undefined) return { fault: undefined, addresses }

  async function ownerOf(owner: Owner, resource: Resource): Promise<z.output<typeof owned> | undefined> {
    const object = owned.safeParse(await read(kube, resource, { namespace, name: owner.name }, signal)).data
    return object?.metadata.uid === owner.uid ? object : undefined
  }

  const byReplicaSet = ownerNamed(controllerOf(pod.metadata), 'ReplicaSet')
  const replicaSet = byReplicaSet && (await ownerOf(byReplicaSet, resources.replicaSets))
  const byDeployment = replicaSet && ownerNamed(controllerOf(replicaSet.metadata), 'Deployment')
  if (byDeployment?.name !== deployment) return faulty('its pod does not belong to the Deployment of the controller')
  const found = await ownerOf(byDeployment, resources.deployments)
  return { fault: found === undefined ? 'the Deployment of its pod is gone' : undefined, addresses }
}

function ownerNamed(owner: Owner | undefined, kind: 'ReplicaSet' | 'Deployment'): Owner | undefined {
  return owner?.apiVersion === 'apps/v1' && owner.kind === kind ? owner : undefined
}

function faulty(fault: string): ControllerPod {
  return { fault, addresses: [] }
}
