import type { KubeObject } from '../../../core/io/kube/api.ts'
import type { Authenticator, UserInfo } from './authn.ts'
import type { Attributes, Authorizer } from './authz-rbac.ts'
import { at, isObject, type Json, listAt, textAt } from './json.ts'
import { checkKind } from './metadata.ts'
import type { ApiResource } from './resources.ts'
import { badRequest, type FieldError, invalid } from './status.ts'

export interface ReviewDeps {
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
}

export interface ReviewRequest {
  readonly resource: ApiResource
  readonly namespace: string | undefined
  readonly body: unknown
  /** Who asks; the subject of the `Self…` reviews. */
  readonly user: UserInfo
}

/** Answers the kinds that are created to ask a question and are never stored. @throws ApiError 400 or 422 */
export function answerReview(deps: ReviewDeps, request: ReviewRequest): object {
  const { resource, body, user } = request
  checkKind(resource, body)
  const spec = isObject(at(body, 'spec')) ? (at(body, 'spec') as Json) : {}
  const reply = (status: object) => ({ ...body, metadata: metadataOf(body), status })
  switch (resource.kind) {
    case 'TokenReview':
      return { ...reply(tokenReview(deps.authenticator, spec)), spec }
    case 'SelfSubjectReview':
      return reply({ userInfo: user })
    case 'SelfSubjectAccessReview':
      return reply(accessReview(deps.authorizer, request, spec, user))
    default:
      return reply(accessReview(deps.authorizer, request, spec, subjectOf(request, spec)))
  }
}

function metadataOf(body: unknown): object {
  const { creationTimestamp: _c, ...metadata } = (at(body, 'metadata') ?? {}) as Partial<KubeObject['metadata']>
  return metadata
}

function tokenReview(authenticator: Authenticator, spec: Json): object {
  const token = textAt(spec, 'token') ?? ''
  if (token === '') throw badRequest('token is required for TokenReview in authentication')
  const audiences = listAt(spec, 'audiences').map(String)
  const result = authenticator.authenticate(token, audiences.length === 0 ? undefined : audiences)
  if (!result.isAuthenticated) return { user: {}, error: result.error }
  return { authenticated: true, user: result.user, audiences: result.audiences }
}

function subjectOf({ resource }: ReviewRequest, spec: Json): Pick<UserInfo, 'username' | 'groups'> {
  const username = textAt(spec, 'user') ?? ''
  const groups = listAt(spec, 'groups').map(String)
  if (username !== '' || groups.length > 0) return { username, groups }
  const message = 'Invalid value: "": at least one of user or group must be specified'
  throw invalid(resource, '', [{ field: 'spec.user', message }])
}

function accessReview(
  authorizer: Authorizer,
  { resource, namespace }: ReviewRequest,
  spec: Json,
  user: Pick<UserInfo, 'username' | 'groups'>,
): object {
  const errors: FieldError[] = []
  const resourceAttributes = at(spec, 'resourceAttributes')
  const urlAttributes = at(spec, 'nonResourceAttributes')
  if (isObject(resourceAttributes) === isObject(urlAttributes)) {
    const message = 'Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified'
    errors.push({ field: 'spec.resourceAttributes', message })
  }
  if (namespace !== undefined && textAt(resourceAttributes, 'namespace') !== namespace) {
    errors.push({ field: 'spec.resourceAttributes.namespace', message: `Invalid value: must match metadata.namespace` })
  }
  if (errors.length > 0) throw invalid(resource, '', errors)
  const { isAllowed, reason } = authorizer.authorize(user, attributesOf(resourceAttributes, urlAttributes))
  return { allowed: isAllowed, ...(reason === '' ? {} : { reason }) }
}

function attributesOf(resourceAttributes: unknown, urlAttributes: unknown): Attributes {
  if (!isObject(resourceAttributes)) {
    return { verb: textAt(urlAttributes, 'verb') ?? '', path: textAt(urlAttributes, 'path') ?? '' }
  }
  const keys = ['verb', 'group', 'resource', 'subresource', 'namespace', 'name'] as const
  const entries = keys.map((key) => [key, textAt(resourceAttributes, key) ?? ''])
  return Object.fromEntries(entries) as unknown as Attributes
}
