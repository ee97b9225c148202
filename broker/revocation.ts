import type { AuditEntry, AuditJournal } from '../core/audit/event.ts'
import type { Clock } from '../core/clock.ts'
import type { Workload } from '../core/identity/workload.ts'
import type { Secret } from '../core/secret.ts'
import { jsonAnswer } from './answer.ts'
import type { LiveGrant } from './audit/grant-book.ts'
import { type AllowedCaller, authenticateCaller, isSameAccount } from './callers.ts'
import type { CallerEndpoint } from './http/token-app.ts'
import type { VerifyWorkload } from './identity/verify.ts'
import { requiredToken } from './introspection.ts'
import type { RevocationCaller } from './issuer/revoke.ts'
import { describeWorkload } from './records.ts'

interface Deps {
  readonly verify: VerifyWorkload
  readonly revoke: (token: Secret, caller: RevocationCaller) => Promise<LiveGrant | undefined>
  readonly controller: AllowedCaller | undefined
  readonly journal: AuditJournal
  readonly clock: Clock
}

/**
 * `POST /revoke`: for the workload that the token was issued to, and for the controller. Answered when the record of it
 * is durable; a token that is unknown or already revoked is answered the same.
 *
 * @see RFC 7009
 */
export function createRevocationEndpoint({ verify, revoke, controller, journal, clock }: Deps): CallerEndpoint {
  return async function revocation({ body, authorization }, signal) {
    const caller = await authenticateCaller(authorization, verify, signal)
    const isController = isSameAccount(caller, controller)
    const grant = await revoke(requiredToken(body), {
      callerMayRevoke: (live) => caller.cluster === live.cluster && (isController || isIssuedTo(caller, live)),
    })
    if (grant !== undefined) await journal.append(entry(grant, caller, isController, clock()))
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

function entry(grant: LiveGrant, caller: Workload, isController: boolean, time: Date): AuditEntry {
  return {
    type: 'dev.tokenbroker.token.revoked.v1',
    subject: grant.subject,
    time,
    data: {
      outcome: 'info',
      reason: isController ? 'revoked_by_controller' : 'revoked_by_workload',
      exchange_id: grant.exchangeId,
      subject: { cluster: grant.cluster, namespace: grant.namespace, service_account: grant.serviceAccount },
      actor: describeWorkload(caller),
      request: { door: 'revoke', audience: grant.audience },
      revoked_tokens: [grant.jti],
      revocation_check: caller.revocationCheck,
    },
  }
}
