import type { Clock } from '../core/clock.ts'
import { createExpiringCache } from '../core/expiring-cache.ts'
import type { Workload } from '../core/identity/workload.ts'
import { createSharedDeadline } from '../core/io/deadline.ts'
import type { KubeClient } from '../core/io/kube/api.ts'
import { Problem } from '../core/problem.ts'
import { type AllowedCaller, isSameAccount } from './callers.ts'
import { plainAddress } from './identity/peer-address.ts'
import { type ControllerPod, walkController } from './identity/walk-controller.ts'

/** The controller as the configuration names it. */
export interface NamedController extends AllowedCaller {
  /** The Deployment that its pod belongs to; undefined: any pod with the ServiceAccount is taken for it. */
  readonly deployment?: string | undefined
  /** Whether requests have to come from an address of its pod, or are only recorded with whether they do. */
  readonly peerAddress: 'record' | 'enforce'
}

/** Whether a caller is the controller, and if not why, for operators. */
export type ControllerProof =
  | { readonly isController: false; readonly why: string }
  /** `isPodAddress`: the request came from an address of the pod; undefined where nobody looked. */
  | { readonly isController: true; readonly isPodAddress: boolean | undefined }

export type ProveController = (
  caller: Workload,
  peerAddress: string | undefined,
  signal: AbortSignal,
) => Promise<ControllerProof>

interface Deps {
  readonly controller: NamedController | undefined
  /** API of each cluster, by its name. */
  readonly kubes: ReadonlyMap<string, KubeClient>
  readonly clock: Clock
}

/** Who owns a pod does not change in its life; its address may be there a moment later. In docs/architecture.md#caches */
const cacheMs = 30_000
const maxCached = 1000
const walkTimeoutMs = 5000

/**
 * Proves that a caller is the controller: its token says the ServiceAccount and the pod, and the pod belongs to the
 * Deployment by UID. So who may make pods or tokens of that ServiceAccount is not the controller yet.
 */
export function createProveController({ controller, kubes, clock }: Deps): ProveController {
  const pods = createExpiringCache<ControllerPod>({ ttlMs: cacheMs, maxEntries: maxCached, clock })
  const deadline = createSharedDeadline(walkTimeoutMs)

  return async function proveController(caller, peerAddress) {
    if (controller === undefined || !isSameAccount(caller, controller)) {
      return { isController: false, why: 'not the ServiceAccount of the controller' }
    }
    const { deployment, peerAddress: rule } = controller
    if (deployment === undefined && rule === 'record') return { isController: true, isPodAddress: undefined }
    const kube = kubes.get(caller.cluster)
    if (kube === undefined) return { isController: false, why: 'its cluster is not configured' }

    const load = () => walkController(caller, deployment, kube, deadline())
    const pod = await pods.get(`${caller.cluster} ${caller.pod.uid}`, load, isProved)
    if (pod.fault !== undefined) return { isController: false, why: pod.fault }
    const isPodAddress = peerAddress !== undefined && pod.addresses.includes(plainAddress(peerAddress))
    if (rule === 'enforce' && !isPodAddress) return { isController: false, why: 'the peer address is not of its pod' }
    return { isController: true, isPodAddress }
  }
}

/** @throws Problem `caller_not_allowed` for everybody but the controller */
export async function requireController(prove: ProveController, ...asked: Parameters<ProveController>): Promise<void> {
  const proof = await prove(...asked)
  if (!proof.isController) throw new Problem('caller_not_allowed', { detail: proof.why })
}

/** A pod without an address yet is looked at again, and so is one that is not the controller's. */
function isProved({ fault, addresses }: ControllerPod): boolean {
  return fault === undefined && addresses.length > 0
}
