import type { AuditEntry, AuditJournal } from '../core/audit/event.ts'
import type { Clock } from '../core/clock.ts'
import type { Workload } from '../core/identity/workload.ts'
import type { Secret } from '../core/secret.ts'
import { jsonAnswer } from './answer.ts'
import type { LiveGrant } from './audit/grant-book.ts'
import type { ServeCaller } from './caller-door.ts'
import type { ProveController } from './controller.ts'
import { requiredToken } from './introspection.ts'
import type { RevocationCaller } from './issuer/revoke.ts'
import { describeWorkload } from './records.ts'

interface Deps {
  readonly revoke: (token: Secret, caller: RevocationCaller) => Promise<LiveGrant | undefined>
  readonly proveController: ProveController
  readonly journal: AuditJournal
  readonly clock: Clock
}

/**
 * `POST /revoke`: for the workload that the token was issued to, and for the controller. Answered when the record of it
 * is durable; a token that is unknown or already revoked is answered the same.
 *
 * @see RFC 7009
 */
export function createRevocationEndpoint({ revoke, proveController, journal, clock }: Deps): ServeCaller {
  return async function revocation(caller, { body, peerAddress }, signal) {
    const { isController } = await proveController(caller, peerAddress, signal)
    const grant = await revoke(requiredToken(body), {
      callerMayRevoke: (live) => caller.cluster === live.cluster && (isController || isIssuedTo(caller, live)),
    })
    const reason = isController ? 'revoked_by_controller' : 'revoked_by_workload'
    if (grant !== undefined)
      await journal.append(revokedEntry(grant, { caller, reason, door: 'revoke', time: clock() }))
    return jsonAnswer({})
  }
}

function isIssuedTo(caller: Workload, grant: LiveGrant): boolean {
  return (
    caller.namespace === grant.namespace &&
    caller.serviceAccount.name === grant.serviceAccount &&
    caller.pod.uid === grant.podUid
  )
}

interface Revoked {
  readonly caller: Workload
  readonly reason: 'revoked_by_controller' | 'revoked_by_workload' | 'revoked_by_person' | 'run_ended'
  readonly door: 'revoke' | 'runs-end'
  /** The person, where one withdrew it. */
  readonly by?: string | undefined
  readonly time: Date
}

/** The record of one token that was withdrawn. */
export function revokedEntry(grant: LiveGrant, { caller, reason, door, by, time }: Revoked): AuditEntry {
  return {
    type: 'dev.tokenbroker.token.revoked.v1',
    subject: grant.subject,
    time,
    data: {
      outcome: 'info',
      reason,
      exchange_id: grant.exchangeId,
      subject: { cluster: grant.cluster, namespace: grant.namespace, service_account: grant.serviceAccount },
      actor: describeWorkload(caller),
      ...(by !== undefined && { by }),
      request: { door, audience: grant.audience },
      revoked_tokens: [grant.jti],
      revocation_check: caller.revocationCheck,
    },
  }
}
