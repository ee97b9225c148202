import type { KubeObject } from '../../../core/io/kube/api.ts'
import type { ApiResource } from './resources.ts'
import type { Storage } from './storage.ts'

/** One write on its way into the storage. */
export interface Admission {
  readonly resource: ApiResource
  readonly object: KubeObject
  /** Absent on create. */
  readonly current: KubeObject | undefined
  /** True when the write went to `…/status`. */
  readonly isStatusWrite: boolean
  readonly storage: Storage
  /** Collects paths that were dropped because the schema does not know them. */
  readonly pruned: string[]
}

/** @throws ApiError 400, 403 or 422 */
export type Admit = (admission: Admission) => KubeObject
