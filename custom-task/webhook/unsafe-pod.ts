import { posix } from 'node:path'
import { type AdmittedPod, allContainers } from './admitted-pod.ts'
import {
  gateContainer,
  healthPort,
  identityVolume,
  localPort,
  sidecarContainer,
  tokenRoot,
  tokenVolume,
} from './names.ts'
import type { StepPlan } from './steps.ts'
import type { Complaint } from './token-ask.ts'

const ownContainers: readonly string[] = [sidecarContainer, gateContainer]
const ownVolumes: readonly string[] = [tokenVolume, identityVolume]

/** Whether anything in the pod has a name of ours: injected before, or made to look so. */
export function holdsOurNames(pod: AdmittedPod): boolean {
  return namedLikeOurs(pod).length > 0
}

/**
 * Why others could read or use what the sidecar of this pod has, before it was injected or after: another webhook may
 * change a pod in between.
 *
 * @param audience of the pod's own token
 */
export function exposures({ spec }: AdmittedPod, audience: string): readonly Complaint[] {
  const reasons: Complaint[] = []
  if (spec.hostNetwork) {
    reasons.push('the pod uses hostNetwork, so every process of the node could call its sidecar: remove hostNetwork')
  }
  if (spec.hostPID) reasons.push('the pod uses hostPID, which opens every process to it: remove hostPID')
  if (spec.shareProcessNamespace) {
    reasons.push('the pod shares its process namespace, so a step could read the sidecar: remove shareProcessNamespace')
  }
  if (spec.os?.name === 'windows' || spec.nodeSelector?.['kubernetes.io/os'] === 'windows') {
    reasons.push('the pod runs on Windows, where there is no sidecar of ours: run the task on Linux')
  }
  return [...reasons, ...exposingVolumes(spec.volumes ?? [], audience)]
}

/** Why there is no room for our parts; all reasons at once. */
export function collisions(pod: AdmittedPod, steps: readonly StepPlan[]): readonly Complaint[] {
  return [...namedLikeOurs(pod), ...portsTaken(pod), ...pathsTaken(pod, steps)]
}

type Volume = NonNullable<AdmittedPod['spec']['volumes']>[number]

function exposingVolumes(volumes: readonly Volume[], audience: string): readonly Complaint[] {
  return volumes.flatMap(({ name, hostPath, projected }): readonly Complaint[] => {
    const audiences = (projected?.sources ?? []).map((source) => source.serviceAccountToken?.audience)
    if (name !== identityVolume && audiences.includes(audience)) {
      return [`volume ${name} holds the pod's own token for the broker, which is for the sidecar alone: remove it`]
    }
    if (hostPath && showsOtherContainers(hostPath.path)) {
      return [`volume ${name} shows the files of other containers of the node: mount a narrower hostPath`]
    }
    return []
  })
}

/** Where the kubelet keeps volumes in memory, and where the kernel shows the files of every process. */
const telling = ['/var/lib/kubelet/', '/proc/']

function showsOtherContainers(path: string): boolean {
  const shown = posix.join('/', path, '/')
  return telling.some((one) => one.startsWith(shown) || shown.startsWith(one))
}

function namedLikeOurs(pod: AdmittedPod): readonly Complaint[] {
  const containers = allContainers(pod)
  const volumes = [
    ...(pod.spec.volumes ?? []).map((volume) => volume.name),
    ...containers.flatMap((one) => (one.volumeMounts ?? []).map((mount) => mount.name)),
  ]
  const mend = 'remove it, or the annotation where the task declares the sidecar itself'
  return [
    ...distinct(containers.map((one) => one.name).filter((name) => ownContainers.includes(name))).map(
      (name) => `the pod has a container named ${name} already: ${mend}`,
    ),
    ...distinct(volumes.filter((name) => ownVolumes.includes(name))).map(
      (name) => `the pod has a volume named ${name} already, which is for the sidecar alone: ${mend}`,
    ),
  ]
}

function portsTaken(pod: AdmittedPod): readonly Complaint[] {
  return allContainers(pod).flatMap(({ name, ports }) =>
    (ports ?? [])
      .filter(({ containerPort }) => containerPort === localPort || containerPort === healthPort)
      .map(({ containerPort }) => `container ${name} uses port ${containerPort} of the sidecar: give it another`),
  )
}

function pathsTaken({ spec }: AdmittedPod, steps: readonly StepPlan[]): readonly Complaint[] {
  return steps.flatMap(({ index, container }) => {
    const paths = (spec.containers[index]?.volumeMounts ?? []).map((mount) => posix.join('/', mount.mountPath, '/'))
    const isTaken = paths.some((path) => path.startsWith(`${tokenRoot}/`))
    return isTaken ? [`step container ${container} mounts something at ${tokenRoot} already: use another path`] : []
  })
}

function distinct(names: readonly string[]): readonly string[] {
  return [...new Set(names)]
}
