import { type AdmittedPod, allContainers, type PodContainer } from './admitted-pod.ts'
import { gateContainer, identityVolume, sidecarContainer, tokenRoot, tokenVolume } from './names.ts'
import { stepMount } from './step-changes.ts'
import type { StepPlan } from './steps.ts'

type Mount = NonNullable<PodContainer['volumeMounts']>[number]

/**
 * Whether the pod is what an earlier pass made of it: the API server calls again when another webhook changed it. Looks
 * at who mounts what, not at images, arguments and resources, which other webhooks change, and two replicas of different
 * versions write differently.
 */
export function isInjectedAlready(pod: AdmittedPod, steps: readonly StepPlan[]): boolean {
  const { initContainers, volumes } = pod.spec
  const sidecar = initContainers?.find((one) => one.name === sidecarContainer)
  const gate = initContainers?.find((one) => one.name === gateContainer)
  if (sidecar?.restartPolicy !== 'Always' || gate === undefined || gate.restartPolicy) return false
  const hasVolumes = [tokenVolume, identityVolume].every((name) => volumes?.some((volume) => volume.name === name))
  return hasVolumes && allContainers(pod).every((container) => mountsAsOurs(container, steps))
}

/** What each container mounts of our volumes is exactly what we would have it mount. */
function mountsAsOurs(container: PodContainer, steps: readonly StepPlan[]): boolean {
  const found = (container.volumeMounts ?? []).filter(({ name }) => name === tokenVolume || name === identityVolume)
  if (container.name === sidecarContainer) {
    return found.some(isWhole(tokenVolume)) && found.some(isWhole(identityVolume))
  }
  if (container.name === gateContainer) return found.every((mount) => mount.subPath === '.none')
  if (!steps.some((step) => step.container === container.name)) return found.length === 0
  const wanted = stepMount(container.name)
  const [mount, ...others] = found
  return (
    others.length === 0 &&
    mount?.name === wanted.name &&
    mount.mountPath === tokenRoot &&
    mount.subPath === wanted.subPath &&
    mount.readOnly === true
  )
}

function isWhole(volume: string): (mount: Mount) => boolean {
  return (mount) => mount.name === volume && !mount.subPath
}
