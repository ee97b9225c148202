import type { KubeObject } from '../../../core/io/kube/api.ts'
import type { UserInfo } from './authn.ts'
import { at, isObject, listAt, textAt } from './json.ts'
import { builtin } from './resources.ts'
import { matchesLabels } from './selectors.ts'
import type { Storage } from './storage.ts'

/** What a request wants to do. `path` alone for non-resource URLs. */
export interface Attributes {
  readonly verb: string
  readonly path?: string
  readonly group?: string
  readonly resource?: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
}

export interface Decision {
  readonly isAllowed: boolean
  readonly reason: string
}

export interface Authorizer {
  authorize(user: Pick<UserInfo, 'username' | 'groups'>, attributes: Attributes): Decision
}

interface Rule {
  readonly verbs: readonly string[]
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames: readonly string[]
  readonly nonResourceURLs: readonly string[]
}

/** A binding with its rules looked up; `namespace` is where they hold, everywhere when absent. */
interface Grant {
  readonly namespace: string | undefined
  readonly subjects: readonly unknown[]
  readonly rules: readonly Rule[]
  readonly reason: string
}

const rbacKinds = ['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings'].map(builtin)

/** Role-based access as kube-apiserver's RBAC authorizer decides it, from the Role and binding objects in the storage. */
export function createAuthorizer(storage: Storage): Authorizer {
  let grants: readonly Grant[] | undefined
  for (const resource of rbacKinds) {
    storage.subscribe(resource, () => {
      grants = undefined
    })
  }

  function authorize(user: Pick<UserInfo, 'username' | 'groups'>, attributes: Attributes): Decision {
    if (user.groups.includes('system:masters')) return { isAllowed: true, reason: '' }
    grants ??= compile(storage)
    for (const grant of grants) {
      const isInScope = grant.namespace === undefined || grant.namespace === attributes.namespace
      if (!isInScope) continue
      const subject = grant.subjects.find((candidate) => isSubject(candidate, user, grant.namespace))
      if (subject === undefined || !grant.rules.some((rule) => allows(rule, attributes, grant.namespace))) continue
      return { isAllowed: true, reason: `RBAC: allowed by ${grant.reason} to ${describe(subject)}` }
    }
    return { isAllowed: false, reason: '' }
  }

  return Object.freeze({ authorize })
}

function compile(storage: Storage): readonly Grant[] {
  const clusterRoles = storage.list(builtin('clusterroles'), undefined)
  const bindings = [
    ...storage.list(builtin('clusterrolebindings'), undefined),
    ...storage.list(builtin('rolebindings'), undefined),
  ]
  return bindings.map((binding) => {
    const { name, namespace } = binding.metadata
    const role = textAt(binding, 'roleRef', 'name') ?? ''
    const kind = textAt(binding, 'roleRef', 'kind') ?? ''
    const found =
      kind === 'ClusterRole'
        ? storage.get(builtin('clusterroles'), undefined, role)
        : storage.get(builtin('roles'), namespace, role)
    return {
      namespace,
      subjects: listAt(binding, 'subjects'),
      rules: found === undefined ? [] : rulesOf(found, clusterRoles, 0),
      reason: `${binding.kind} "${name}${namespace === undefined ? '' : `/${namespace}`}" of ${kind} "${role}"`,
    }
  })
}

/** A role's own rules and those of the ClusterRoles that it aggregates. */
function rulesOf(role: KubeObject, clusterRoles: readonly KubeObject[], depth: number): readonly Rule[] {
  const own = listAt(role, 'rules').map(ruleOf)
  const selectors = listAt(role, 'aggregationRule', 'clusterRoleSelectors')
  if (selectors.length === 0 || depth > 4) return own
  const aggregated = clusterRoles.filter((candidate) =>
    selectors.some((selector) => {
      const wanted = at(selector, 'matchLabels')
      return candidate !== role && isObject(wanted) && matchesLabels(candidate.metadata.labels, wanted)
    }),
  )
  return [...own, ...aggregated.flatMap((candidate) => rulesOf(candidate, clusterRoles, depth + 1))]
}

function ruleOf(rule: unknown): Rule {
  const texts = (key: string) => listAt(rule, key).map(String)
  return {
    verbs: texts('verbs'),
    apiGroups: texts('apiGroups'),
    resources: texts('resources'),
    resourceNames: texts('resourceNames'),
    nonResourceURLs: texts('nonResourceURLs'),
  }
}

function isSubject(
  subject: unknown,
  user: Pick<UserInfo, 'username' | 'groups'>,
  namespace: string | undefined,
): boolean {
  const name = textAt(subject, 'name') ?? ''
  switch (textAt(subject, 'kind')) {
    case 'User':
      return user.username === name
    case 'Group':
      return user.groups.includes(name)
    case 'ServiceAccount': {
      const home = textAt(subject, 'namespace') ?? namespace ?? ''
      return user.username === `system:serviceaccount:${home}:${name}`
    }
    default:
      return false
  }
}

function describe(subject: unknown): string {
  const namespace = textAt(subject, 'namespace')
  const place = namespace === undefined ? '' : `/${namespace}`
  return `${textAt(subject, 'kind')} "${textAt(subject, 'name')}${place}"`
}

function hasOrAll(list: readonly string[], wanted: string): boolean {
  return list.includes('*') || list.includes(wanted)
}

function allows(rule: Rule, attributes: Attributes, bindingNamespace: string | undefined): boolean {
  if (!hasOrAll(rule.verbs, attributes.verb)) return false
  if (attributes.path !== undefined) return bindingNamespace === undefined && matchesUrl(rule, attributes.path)
  const { group = '', resource = '', subresource = '', name = '' } = attributes
  const combined = subresource === '' ? resource : `${resource}/${subresource}`
  const isResource =
    hasOrAll(rule.resources, combined) || (subresource !== '' && rule.resources.includes(`*/${subresource}`))
  return (
    isResource &&
    hasOrAll(rule.apiGroups, group) &&
    (rule.resourceNames.length === 0 || rule.resourceNames.includes(name))
  )
}

function matchesUrl(rule: Rule, path: string): boolean {
  return rule.nonResourceURLs.some((url) => url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))))
}
