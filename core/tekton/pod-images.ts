import type { Pod } from './pod.ts'
import type { TaskRun } from './task-run.ts'
import type { TaskText } from './task-text.ts'

interface Named {
  readonly name: string
  readonly image?: string | undefined
}

/** Tekton's own sidecar for results; it is in the pod and not in the Task. */
const resultsSidecar = 'sidecar-tekton-log-results'

/**
 * Compares a pod with what its TaskRun runs, since whoever may patch pods may change the images of a running one, and
 * add a container that shares its network and volumes, while `TaskRun.status.taskSpec` is written by Tekton.
 *
 * @returns paths that differ; empty when the pod is what Tekton made
 */
export function podDifferences({ metadata, spec }: Pod, { status }: TaskRun): readonly string[] {
  const task = status.taskSpec
  if (task === undefined) return ['status.taskSpec']
  const all = [...spec.containers, ...spec.initContainers]
  const sidecars = all.filter(({ name }) => name.startsWith('sidecar-') && name !== resultsSidecar)
  return [
    ...(areSame(spec.containers.filter(isStep), stepImages(task)) ? [] : ['spec.containers']),
    ...(areSame(sidecars, task.sidecars.map(imageOf)) ? [] : ['spec.sidecars']),
    ...(spec.ephemeralContainers.length === 0 ? [] : ['spec.ephemeralContainers']),
    // Newer API servers count each change of a pod's spec, so those of the other containers show too.
    ...((metadata.generation ?? 1) > 1 ? ['metadata.generation'] : []),
  ]
}

function isStep({ name }: Named): boolean {
  return name.startsWith('step-')
}

function stepImages({ steps, stepTemplate }: TaskText): readonly (string | undefined)[] {
  return steps.map(({ image }) => image || stepTemplate?.image)
}

function imageOf({ image }: { readonly image?: string | undefined }): string | undefined {
  return image
}

/** Tekton makes the containers in the order of the Task. */
function areSame(containers: readonly Named[], images: readonly (string | undefined)[]): boolean {
  return containers.length === images.length && containers.every(({ image }, at) => image === images[at])
}
