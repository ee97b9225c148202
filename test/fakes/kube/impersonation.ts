import type { IncomingHttpHeaders } from 'node:http'
import type { UserInfo } from './authn.ts'
import type { Attributes, Authorizer } from './authz-rbac.ts'
import { refusal } from './request-info.ts'
import { ApiError } from './status.ts'

function textOf(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' ? header : (header ?? []).join(',')
}

function listOf(header: string | readonly string[] | undefined): readonly string[] {
  return textOf(header)
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/**
 * The user whom a request wants to act for (`kubectl --as`), the caller itself when it names none.
 *
 * @throws ApiError 403 when RBAC does not let the caller impersonate user and groups
 */
export function effectiveUser(caller: UserInfo, headers: IncomingHttpHeaders, authorizer: Authorizer): UserInfo {
  const username = textOf(headers['impersonate-user'])
  const groups = listOf(headers['impersonate-group'])
  if (username === '') {
    if (groups.length === 0) return caller
    throw new ApiError(400, 'BadRequest', 'requested groups without impersonating a user')
  }
  const [, namespace, account] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? []
  const wanted: readonly Attributes[] = [
    namespace === undefined || account === undefined
      ? { verb: 'impersonate', group: '', resource: 'users', name: username }
      : { verb: 'impersonate', group: '', resource: 'serviceaccounts', namespace, name: account },
    ...groups.map((name) => ({ verb: 'impersonate', group: '', resource: 'groups', name })),
  ]
  const refused = wanted.find((attributes) => !authorizer.authorize(caller, attributes).isAllowed)
  if (refused !== undefined) throw new ApiError(403, 'Forbidden', refusal(caller.username, refused), {})
  const implied = namespace === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
  const own = groups.length > 0 ? groups : implied
  return { username, groups: [...new Set([...own, 'system:authenticated'])] }
}
