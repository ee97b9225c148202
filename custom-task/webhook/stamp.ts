import { formatInitiator, initiatorAnnotation, type RequestUser } from '../../core/identity/initiator.ts'
import type { PatchOperation } from './json-patch.ts'

/** A run on its way into the cluster, and who makes it. */
export interface NewRun {
  readonly annotations: Readonly<Record<string, string>> | null | undefined
  readonly user: RequestUser
}

export type StampOperation = PatchOperation | { readonly op: 'remove'; readonly path: string }

const path = `/metadata/annotations/${initiatorAnnotation.replaceAll('/', '~1')}`

/** Who makes the run, in place of whatever its author wrote there; applied to its own result it changes nothing. */
export function stamp({ annotations, user }: NewRun): readonly StampOperation[] {
  const value = formatInitiator(user)
  if (annotations?.[initiatorAnnotation] === value) return []
  if (value === undefined) return [{ op: 'remove', path }]
  if (!annotations) return [{ op: 'add', path: '/metadata/annotations', value: { [initiatorAnnotation]: value } }]
  return [{ op: 'add', path, value }]
}
