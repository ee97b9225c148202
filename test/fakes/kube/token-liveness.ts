import { epochSeconds } from '../../../core/clock.ts'
import type { KubeObject } from '../../../core/io/kube/api.ts'
import { builtin } from './resources.ts'
import type { Storage } from './storage.ts'
import type { KubernetesClaim, NamedUid, ServiceAccountClaims } from './token.ts'

/** kube-apiserver allows a minute of clock skew, and a deleted pod's token for as long. */
const leewaySeconds = 60

/** kube-apiserver's words for a token out of its time. */
export function timeProblem({ exp, nbf, iat }: ServiceAccountClaims, now: number): string | undefined {
  if (nbf !== undefined && now + leewaySeconds < nbf) return 'service account token is not valid yet'
  if (exp !== undefined && now - leewaySeconds > exp) return 'service account token has expired'
  if (iat !== undefined && now + leewaySeconds < iat) return 'service account token is issued in the future'
  return undefined
}

/** kube-apiserver's words for a token whose ServiceAccount, pod or Secret is gone or another one by now. */
export function livenessProblem(storage: Storage, now: number, claim: KubernetesClaim): string | undefined {
  const { namespace, serviceaccount, pod, secret } = claim
  const account = accountProblem(storage, now, namespace, serviceaccount)
  if (account !== undefined) return account
  if (secret !== undefined) {
    return storage.get(builtin('secrets'), namespace, secret.name) === undefined ? invalidated : undefined
  }
  return pod === undefined ? undefined : podProblem(storage, now, namespace, pod)
}

const invalidated = 'service account token has been invalidated'

function accountProblem(storage: Storage, now: number, namespace: string, { name, uid }: NamedUid): string | undefined {
  const account = storage.get(builtin('serviceaccounts'), namespace, name)
  if (account === undefined) return `serviceaccounts "${name}" not found`
  if (account.metadata.uid !== uid) {
    return `service account UID (${account.metadata.uid}) does not match claim (${uid})`
  }
  return isInvalidated(account, now) ? invalidated : undefined
}

function podProblem(storage: Storage, now: number, namespace: string, { name, uid }: NamedUid): string | undefined {
  const pod = storage.get(builtin('pods'), namespace, name)
  if (pod === undefined) return invalidated
  if (pod.metadata.uid !== uid) {
    return `pod UID (${pod.metadata.uid}) does not match service account pod ref claim (${uid})`
  }
  return isInvalidated(pod, now) ? invalidated : undefined
}

function isInvalidated({ metadata }: KubeObject, now: number): boolean {
  if (metadata.deletionTimestamp === undefined) return false
  return epochSeconds(new Date(metadata.deletionTimestamp)) < now - leewaySeconds
}
