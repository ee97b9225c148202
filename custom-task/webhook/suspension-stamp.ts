import { suspendedByAnnotation } from '../../core/policy/access-marks.ts'
import type { PatchOperation } from './json-patch.ts'

/** A policy or provider whose `spec.suspend` changes, and who changes it. */
export interface Suspension {
  readonly annotations: Readonly<Record<string, string>> | null | undefined
  /** User name. */
  readonly by: string
}

const path = `/metadata/annotations/${suspendedByAnnotation.replaceAll('/', '~1')}`

/** Who suspends, or lets go on, in place of whoever did before; applied to its own result it changes nothing. */
export function stampSuspension({ annotations, by }: Suspension): readonly PatchOperation[] {
  if (annotations?.[suspendedByAnnotation] === by) return []
  if (!annotations) return [{ op: 'add', path: '/metadata/annotations', value: { [suspendedByAnnotation]: by } }]
  return [{ op: 'add', path, value: by }]
}
