import type { Logger } from 'pino'
import type { AuditJournal } from '../core/audit/event.ts'
import type { Clock } from '../core/clock.ts'
import { createAccessChanges } from './access-changes.ts'
import type { AccessBook } from './audit/access-book.ts'
import type { GrantBook } from './audit/grant-book.ts'
import type { Cluster } from './cluster.ts'

interface Deps {
  readonly access: AccessBook
  readonly grants: GrantBook
  readonly journal: AuditJournal
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Follows what people change about who gets tokens, in every cluster; to be called before their watches start.
 *
 * @returns stops: what is being recorded is finished
 */
export function followAccess(clusters: readonly Cluster[], deps: Deps): (deadline: AbortSignal) => Promise<void> {
  const followed = clusters.map(({ trusted, policies }) => {
    const changes = createAccessChanges({ ...deps, cluster: trusted.name })
    policies.follow(changes)
    return changes
  })
  return async (deadline) => {
    await Promise.all(followed.map((one) => one.stop(deadline)))
  }
}
