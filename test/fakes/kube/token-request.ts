import type { KubeObject } from '../../../core/io/kube/api.ts'
import { at, listAt, textAt } from './json.ts'
import { type ApiResource, builtin } from './resources.ts'
import { ApiError, badRequest, conflict, type FieldError, invalid, notFound } from './status.ts'
import type { Storage } from './storage.ts'
import type { NamedUid, ServiceAccountClaims, TokenIssuer } from './token.ts'

const minSeconds = 600
const maxSeconds = 2 ** 32

export interface TokenRequestDeps {
  readonly storage: Storage
  readonly issuer: TokenIssuer
}

export interface BoundTokenRequest {
  readonly namespace: string
  readonly serviceAccount: string
  /** Name, and where known uid, of the pod that the token is bound to. */
  readonly pod?: { readonly name: string; readonly uid?: string } | undefined
  readonly audiences?: readonly string[] | undefined
  readonly expirationSeconds?: number | undefined
}

const tokenRequests: Pick<ApiResource, 'group' | 'kind' | 'plural'> = {
  group: 'authentication.k8s.io',
  kind: 'TokenRequest',
  plural: 'tokenrequests',
}

/** Claims of a token for a ServiceAccount, after the checks that kube-apiserver makes. @throws ApiError 400, 404, 409 or 422 */
export function boundClaims({ storage, issuer }: TokenRequestDeps, request: BoundTokenRequest): ServiceAccountClaims {
  const { namespace, serviceAccount, expirationSeconds = 3600, audiences = [] } = request
  checkSeconds(expirationSeconds)
  const account = storage.get(builtin('serviceaccounts'), namespace, serviceAccount)
  if (account === undefined) throw notFound(builtin('serviceaccounts'), serviceAccount)
  const pod = request.pod === undefined ? undefined : boundPod(storage, request, request.pod)
  const nodeName = textAt(pod, 'spec', 'nodeName')
  return issuer.claims({
    namespace,
    serviceAccount: idOf(account),
    pod: pod === undefined ? undefined : idOf(pod),
    node: nodeName === undefined ? undefined : nodeOf(storage, nodeName),
    audiences,
    expirationSeconds,
  })
}

function checkSeconds(seconds: number): void {
  const errors: FieldError[] = []
  const field = 'spec.expirationSeconds'
  if (seconds < minSeconds) {
    errors.push({ field, message: `Invalid value: ${seconds}: may not specify a duration less than 10 minutes` })
  }
  if (seconds > maxSeconds) {
    errors.push({ field, message: `Invalid value: ${seconds}: may not specify a duration larger than 2^32 seconds` })
  }
  if (errors.length > 0) throw invalid(tokenRequests as ApiResource, '', errors)
}

function boundPod(storage: Storage, request: BoundTokenRequest, { name, uid }: NamedUid): KubeObject {
  const pod = storage.get(builtin('pods'), request.namespace, name)
  if (pod === undefined) throw notFound(builtin('pods'), name)
  if (uid !== undefined && uid !== '' && uid !== pod.metadata.uid) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`
    throw conflict(builtin('pods'), name, why)
  }
  if (textAt(pod, 'spec', 'serviceAccountName') !== request.serviceAccount) {
    throw badRequest(
      `cannot bind token for serviceaccount "${request.serviceAccount}" to pod running with different serviceaccount name.`,
    )
  }
  return pod
}

function nodeOf(storage: Storage, name: string): NamedUid {
  const node = storage.get(builtin('nodes'), undefined, name)
  return node === undefined ? { name } : idOf(node)
}

function idOf({ metadata }: KubeObject): NamedUid {
  return { name: metadata.name, uid: metadata.uid }
}

/** Answers `POST …/serviceaccounts/<name>/token`. */
export function answerTokenRequest(
  deps: TokenRequestDeps,
  place: { readonly namespace: string; readonly serviceAccount: string },
  body: unknown,
): object {
  if (textAt(body, 'kind') !== 'TokenRequest' || textAt(body, 'apiVersion') !== 'authentication.k8s.io/v1') {
    throw badRequest('the object provided is no authentication.k8s.io/v1, Kind=TokenRequest')
  }
  const bound = at(body, 'spec', 'boundObjectRef') ?? undefined
  if (bound !== undefined && textAt(bound, 'kind') !== 'Pod') {
    throw badRequest(`cannot bind token to object of type ${textAt(bound, 'kind')}`)
  }
  const seconds = at(body, 'spec', 'expirationSeconds') ?? 3600
  if (!Number.isInteger(seconds)) throw new ApiError(400, 'BadRequest', 'spec.expirationSeconds is no integer')
  const claims = boundClaims(deps, {
    ...place,
    pod: bound === undefined ? undefined : { name: textAt(bound, 'name') ?? '', uid: textAt(bound, 'uid') ?? '' },
    audiences: listAt(body, 'spec', 'audiences').map(String),
    expirationSeconds: Number(seconds),
  })
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: place.serviceAccount, namespace: place.namespace },
    spec: { ...(at(body, 'spec') as object), audiences: claims.aud, expirationSeconds: seconds },
    status: {
      token: deps.issuer.sign(claims),
      expirationTimestamp: new Date(claims.exp * 1000).toISOString().replace('.000Z', 'Z'),
    },
  }
}
