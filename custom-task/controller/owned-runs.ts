import type { Change } from '../../core/io/kube/informer-store.ts'
import { controllerOf } from '../../core/tekton/fields.ts'
import { keyOf, type OurRun } from './our-run.ts'

/** Which CustomRuns of ours a PipelineRun owns, by its UID. */
export interface OwnedRuns {
  changed(kind: Change<OurRun>['kind'], run: OurRun): void
  keysOf(ownerUid: string): Iterable<string>
}

export function createOwnedRuns(): OwnedRuns {
  const keys = new Map<string, Set<string>>()
  return Object.freeze({
    changed(kind: Change<OurRun>['kind'], run: OurRun): void {
      const owner = controllerOf(run.customRun.metadata)?.uid
      if (owner === undefined) return
      const owned = keys.get(owner) ?? new Set()
      if (kind === 'deleted') owned.delete(keyOf(run))
      else owned.add(keyOf(run))
      if (owned.size === 0) keys.delete(owner)
      else keys.set(owner, owned)
    },
    keysOf: (ownerUid: string) => keys.get(ownerUid) ?? [],
  })
}
