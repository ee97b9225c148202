import type { AdmittedPod } from './admitted-pod.ts'
import { injectedLabel } from './names.ts'
import type { OurParts } from './our-containers.ts'
import type { StepChanges } from './step-changes.ts'

/** One operation of RFC 6902; `add` on a member that is there replaces it. */
export interface PatchOperation {
  readonly op: 'add'
  readonly path: string
  readonly value: unknown
}

export interface ChangedStep {
  readonly index: number
  readonly changes: StepChanges
}

/** Ours before every init container: Tekton's own, and those of others that were there first. */
export function patchOf(
  { metadata, spec }: AdmittedPod,
  parts: OurParts,
  steps: readonly ChangedStep[],
): readonly PatchOperation[] {
  return [
    labelled(metadata.labels),
    ...intoList('/spec/volumes', spec.volumes, parts.volumes, '-'),
    ...intoList('/spec/initContainers', spec.initContainers, [parts.gate, parts.sidecar], '0'),
    ...steps.flatMap(({ index, changes }) => [
      add(`/spec/containers/${index}/env`, changes.env),
      add(`/spec/containers/${index}/volumeMounts`, changes.volumeMounts),
    ]),
  ]
}

function labelled(labels: AdmittedPod['metadata']['labels']): PatchOperation {
  if (!labels) return add('/metadata/labels', { [injectedLabel]: 'true' })
  return add(`/metadata/labels/${injectedLabel.replaceAll('/', '~1')}`, 'true')
}

/** The list itself where there is none: an absent one has no place to add at. */
function intoList(
  path: string,
  present: readonly unknown[] | null | undefined,
  values: readonly unknown[],
  place: '-' | '0',
): readonly PatchOperation[] {
  if (present) return values.map((value) => add(`${path}/${place}`, value))
  return [add(path, place === '0' ? values.toReversed() : values)]
}

function add(path: string, value: unknown): PatchOperation {
  return { op: 'add', path, value }
}
