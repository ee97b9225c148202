import type { Logger } from 'pino'
import type { AuditJournal } from '../core/audit/event.ts'
import type { Clock } from '../core/clock.ts'
import { createWorkQueue } from '../core/io/kube/work-queue.ts'
import { type AccessObject, accessKey } from '../core/policy/access-object.ts'
import { changedEntry, suspendedEntry, withdrawnEntry, withdrawnTokenEntry } from './access-records.ts'
import type { AccessBook } from './audit/access-book.ts'
import type { GrantBook } from './audit/grant-book.ts'
import { selects } from './audit/suspensions.ts'

interface Deps {
  readonly cluster: string
  readonly access: AccessBook
  readonly grants: Pick<GrantBook, 'liveGrants'>
  readonly journal: AuditJournal
  readonly clock: Clock
  readonly log: Logger
}

/** Follows what people change about who gets tokens: records it, and withdraws what they say is withdrawn. */
export interface AccessChanges {
  put(object: AccessObject): void
  remove(object: AccessObject): void
  /** All objects were put: what the journal knows beside them is gone. */
  synced(): void
  stop(deadline: AbortSignal): Promise<void>
}

/** Records of single tokens that wait for the disk at a time; exchanges want to be written too. */
const batchSize = 64

/** What journal and cluster say of one object, and differ in. */
type Seen = AccessObject & { readonly cluster: string }

/**
 * Acts and changes come by watch, and each is compared with the journal: so a restart withdraws what was asked for while
 * the broker was away, and records each generation once. What is quicker than the disk is recorded as one change.
 */
export function createAccessChanges({ cluster, access, grants, journal, clock, log }: Deps): AccessChanges {
  const current = new Map<string, Seen>()
  // Acts of people overtake the records of ten thousand policies at a first start.
  const acts = createWorkQueue({ process: act, log, concurrency: 8 })
  const changes = createWorkQueue({ process: recordChange, log, concurrency: 16 })

  async function act(key: string): Promise<void> {
    const object = current.get(key)
    const recorded = object ?? access.recorded(key) ?? accountOf(key)
    const isSuspended = object?.isSuspended ?? false
    if (recorded !== undefined && isSuspended !== access.isSuspended(key)) {
      const reason = isSuspended ? 'suspended' : 'resumed'
      await journal.append(suspendedEntry(recorded, reason, object?.marks.suspendedBy, clock()))
    }
    if (object?.marks.revoked !== undefined) await withdraw(key, object, object.marks.revoked)
  }

  /** The suspension, if there is one, is recorded before: what is granted meanwhile is covered by it. */
  async function withdraw(key: string, object: Seen, revoked: { readonly by: string; readonly at: string }) {
    if (access.revocation(key) === `${revoked.by} ${revoked.at}`) return
    const now = clock()
    const live = grants.liveGrants(selects(object, object.uid), now)
    // This one record withdraws them all; those of single tokens follow for whoever looks for a token.
    await journal.append(withdrawnEntry(object, revoked, live, now))
    for (let at = 0; at < live.length; at += batchSize) {
      const entries = live.slice(at, at + batchSize).map((grant) => withdrawnTokenEntry(grant, revoked.by, now))
      await Promise.all(entries.map((entry) => journal.append(entry)))
    }
  }

  async function recordChange(key: string): Promise<void> {
    const object = current.get(key)
    const recorded = access.recorded(key)
    if (object === undefined) {
      if (recorded !== undefined) await journal.append(changedEntry(recorded, 'policy_removed', clock()))
      return
    }
    const isSame = recorded?.uid === object.uid && recorded.generation === object.generation
    if (isSame || object.kind === 'ServiceAccount') return
    await journal.append(changedEntry(object, recorded === undefined ? 'policy_added' : 'policy_changed', clock()))
  }

  function accountOf(key: string): Seen | undefined {
    const [, kind, namespace = '', name = ''] = key.split('/')
    if (kind !== 'ServiceAccount') return undefined
    const marks = { revoked: undefined, suspendedBy: undefined }
    const nothing = { uid: '-', generation: 0, digest: '', provider: '', isSuspended: false, marks }
    return { ...nothing, cluster, kind, namespace, name }
  }

  function look(key: string): void {
    acts.add(key)
    changes.add(key)
  }

  return Object.freeze({
    put(object: AccessObject) {
      const seen = { ...object, cluster }
      current.set(accessKey(seen), seen)
      look(accessKey(seen))
    },
    remove(object: AccessObject) {
      const key = accessKey({ ...object, cluster })
      current.delete(key)
      look(key)
    },
    synced() {
      for (const key of access.keys(cluster)) if (!current.has(key)) look(key)
    },
    async stop(deadline: AbortSignal) {
      await Promise.all([acts.shutDown(deadline), changes.shutDown(deadline)])
    },
  })
}
