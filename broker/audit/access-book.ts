import type { AuditRecord } from '../../core/audit/event.ts'
import { type AccessName, accessKey, accessNameOf } from '../../core/policy/access-object.ts'

/** An object in the state that was recorded last. */
export interface RecordedObject extends AccessName {
  readonly uid: string
  readonly generation: number
  readonly digest: string
  readonly provider: string
}

/**
 * What the journal says of policies, providers and suspended accounts: rebuilt from it at start, so that a restart
 * records what changed meanwhile and nothing twice.
 */
export interface AccessBook {
  apply(record: AuditRecord): void
  recorded(key: string): RecordedObject | undefined
  isSuspended(key: string): boolean
  /** The revocation that was carried out last, as `access-changes.ts` writes it down. */
  revocation(key: string): string | undefined
  /** Keys of everything of a cluster that was recorded as being there, or as suspended. */
  keys(cluster: string): readonly string[]
}

/** Marks of objects that are gone are kept, as the object may come back with them; beyond this the oldest go. */
const maxRevocations = 20_000

export function createAccessBook(): AccessBook {
  const objects = new Map<string, RecordedObject>()
  const suspended = new Set<string>()
  const revocations = new Map<string, string>()

  function changed(record: AuditRecord, name: AccessName): void {
    const key = accessKey(name)
    const { policy, reason } = record.data
    if (reason === 'policy_removed' || policy === undefined) objects.delete(key)
    else {
      const { uid, generation, digest = '', provider } = policy
      objects.set(key, { ...name, uid, generation, digest, provider })
    }
  }

  function acted({ data }: AuditRecord, key: string): void {
    if (data.reason === 'suspended') suspended.add(key)
    if (data.reason === 'resumed') suspended.delete(key)
    if (data.reason !== 'revoked_by_person') return
    revocations.delete(key)
    revocations.set(key, `${data.by} ${data.revoked_at ?? ''}`)
    const [oldest] = revocations.keys()
    if (revocations.size > maxRevocations && oldest !== undefined) revocations.delete(oldest)
  }

  return Object.freeze({
    apply(record: AuditRecord) {
      const isChange = record.type === 'dev.tokenbroker.policy.changed.v1'
      if (!isChange && record.type !== 'dev.tokenbroker.access.suspended.v1') return
      const name = accessNameOf(record)
      if (name === undefined) return
      if (isChange) changed(record, name)
      else acted(record, accessKey(name))
    },
    recorded: (key: string) => objects.get(key),
    isSuspended: (key: string) => suspended.has(key),
    revocation: (key: string) => revocations.get(key),
    keys: (cluster: string) =>
      [...new Set([...objects.keys(), ...suspended])].filter((key) => key.startsWith(`${cluster}/`)),
  })
}
