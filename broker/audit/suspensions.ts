import type { AuditRecord } from '../../core/audit/event.ts'
import { type AccessName, accessKey, accessNameOf } from '../../core/policy/access-object.ts'
import type { LiveGrant } from './grant-book.ts'

type Granted = Pick<LiveGrant, 'cluster' | 'namespace' | 'serviceAccount' | 'policyUid' | 'provider'>

/** Whether a grant came from what a person suspends or withdraws. */
export type Selects = (grant: Granted) => boolean

/** What an `access.suspended` record is about; undefined for a record that does not say so. */
export function selectorOf(record: AuditRecord): Selects | undefined {
  const name = accessNameOf(record)
  return name && selects(name, record.data.policy?.uid)
}

/** Policies by UID: another one of that name is another policy. Providers and accounts by name, as grants say them. */
export function selects(name: AccessName, uid: string | undefined): Selects {
  const wanted = originOf(name, uid)
  return (grant) => originsOf(grant).includes(wanted)
}

/** What is suspended at this point of the journal. */
export interface Suspensions {
  apply(record: AuditRecord): void
  /** Whether a grant comes too late: its exchange was decided just before the suspension was recorded. */
  covers(grant: Granted): boolean
}

export function createSuspensions(): Suspensions {
  const active = new Map<string, string>()
  const origins = new Set<string>()
  return Object.freeze({
    apply(record: AuditRecord) {
      const name = accessNameOf(record)
      if (name === undefined) return
      const key = accessKey(name)
      // Another policy of that name may have been suspended before.
      origins.delete(active.get(key) ?? '')
      active.delete(key)
      if (record.data.reason !== 'suspended') return
      const origin = originOf(name, record.data.policy?.uid)
      active.set(key, origin)
      origins.add(origin)
    },
    covers: (grant: Granted) => origins.size > 0 && originsOf(grant).some((origin) => origins.has(origin)),
  })
}

function originOf({ cluster, kind, namespace, name }: AccessName, uid: string | undefined): string {
  switch (kind) {
    case 'TokenPolicy':
    case 'ClusterTokenPolicy':
      return `policy/${cluster}/${uid}`
    case 'ClusterTokenProvider':
      return `provider/${cluster}/${name}`
    case 'ServiceAccount':
      return `account/${cluster}/${namespace}/${name}`
  }
}

/** All that can be suspended to stop such a grant. */
function originsOf({ cluster, namespace, serviceAccount, policyUid, provider }: Granted): readonly string[] {
  return [
    `policy/${cluster}/${policyUid}`,
    `provider/${cluster}/${provider}`,
    `account/${cluster}/${namespace}/${serviceAccount}`,
  ]
}
