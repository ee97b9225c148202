import { serviceAccountUser } from '../../core/identity/workload.ts'
import type { AccessTokenClaims, GrantFields } from './provider.ts'

/**
 * Claims of the built-in issuer's access token, without `iss` and the times, which the issuer adds. A claim that has
 * nothing to say is absent, not empty.
 *
 * @throws TypeError when the grant is not for exactly one ServiceAccount: a token speaks for one
 * @see RFC 9068 §2.2; RFC 8693 §4.1 for `act`
 */
export function accessTokenClaims(grant: GrantFields): AccessTokenClaims {
  const { allowance, workload, exchangeId } = grant
  const { subject, run } = allowance
  const [serviceAccount, ...others] = subject.serviceAccounts
  if (serviceAccount === undefined || others.length > 0) throw new TypeError('a token speaks for one ServiceAccount')
  const sub = serviceAccountUser(subject.namespace, serviceAccount)
  const requester = serviceAccountUser(workload.namespace, workload.serviceAccount.name)
  return present({
    aud: allowance.audience,
    sub,
    client_id: sub,
    azp: sub,
    scope: allowance.scopes.join(' '),
    jti: exchangeId,
    namespace: subject.namespace,
    pipeline: run.pipeline,
    pipeline_run: run.pipelineRun?.name,
    pipeline_run_uid: run.pipelineRun?.uid,
    task: run.task,
    task_run: run.taskRun?.name,
    initiator: run.initiator?.username,
    agent: allowance.agent === undefined ? undefined : true,
    assurance: run.assurance,
    act: requester === sub ? undefined : { sub: requester },
  })
}

function present(claims: Readonly<Record<string, string | boolean | object | undefined>>): AccessTokenClaims {
  const said: Record<string, string | boolean | object> = {}
  for (const [name, value] of Object.entries(claims)) if (value !== undefined && value !== '') said[name] = value
  return said
}
