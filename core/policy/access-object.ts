import type { AuditRecord } from '../audit/event.ts'
import type { AccessMarks } from './access-marks.ts'

export type AccessKind = 'TokenPolicy' | 'ClusterTokenPolicy' | 'ClusterTokenProvider' | 'ServiceAccount'

/** An object that people change to say who gets tokens, as far as the audit stream follows it. */
export interface AccessObject {
  readonly kind: AccessKind
  /** `*` for what stands in no namespace. */
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly generation: number
  /** Hex SHA-256 of the canonical JSON of its spec; empty for a ServiceAccount, which has none. */
  readonly digest: string
  /** The provider that it is, or that issues under it. */
  readonly provider: string
  readonly isSuspended: boolean
  readonly marks: AccessMarks
}

export type AccessName = Pick<AccessObject, 'kind' | 'namespace' | 'name'> & { readonly cluster: string }

/** Names an object in all clusters. */
export function accessKey({ cluster, kind, namespace, name }: AccessName): string {
  return `${cluster}/${kind}/${namespace}/${name}`
}

/** The object that a `policy.changed` or `access.suspended` record is about. */
export function accessNameOf({ data }: AuditRecord): AccessName | undefined {
  const { policy, subject } = data
  if (policy?.kind !== undefined && policy.cluster !== undefined) {
    return { cluster: policy.cluster, kind: policy.kind, namespace: policy.namespace, name: policy.name }
  }
  if (subject === undefined) return undefined
  const { cluster, namespace, service_account: name } = subject
  return { cluster, kind: 'ServiceAccount', namespace, name }
}
