import { apiGroup } from '../crd/kind.ts'
import { tokenScope } from '../crd/token-scope.ts'
import type { ScopeAccess } from './allowance.ts'

type Lacking = Pick<ScopeAccess, 'serviceAccount' | 'resourceName'>

interface RbacObject {
  readonly apiVersion: string
  readonly kind: 'Role' | 'RoleBinding'
  readonly metadata: { readonly name: string; readonly namespace: string }
}

const rbacGroup = 'rbac.authorization.k8s.io'

/**
 * The Role and RoleBindings that RBAC lacks for some scopes, for `kubectl apply -f -`: one pair for each set of scopes
 * that accounts lack together.
 *
 * @param name of the objects, a policy's as a rule
 */
export function missingRole(name: string, namespace: string, lacking: readonly Lacking[]): string {
  const scopesOf = new Map<string, string[]>()
  for (const { serviceAccount, resourceName } of lacking) {
    scopesOf.set(serviceAccount, [...(scopesOf.get(serviceAccount) ?? []), resourceName])
  }
  const groups = Map.groupBy(scopesOf, ([, names]) => [...new Set(names)].sort().join(' '))
  return [...groups]
    .flatMap(([names, accounts], at) => {
      const suffix = at === 0 ? '' : `-${at + 1}`
      const holders = accounts.map(([account]) => account)
      return roleAndBinding(`${name}${suffix}`, namespace, names.split(' '), holders)
    })
    .map((object) => yamlOf(object))
    .join('---\n')
}

/** A Role for scopes (`<provider>:<scope>`) and its RoleBinding to ServiceAccounts of the same namespace. */
export function roleAndBinding(
  name: string,
  namespace: string,
  resourceNames: readonly string[],
  serviceAccounts: readonly string[],
): readonly RbacObject[] {
  const apiVersion = `${rbacGroup}/v1`
  const metadata = { name, namespace }
  const role = {
    apiVersion,
    kind: 'Role',
    metadata,
    rules: [{ apiGroups: [apiGroup], resources: [tokenScope.plural], resourceNames, verbs: ['exchange'] }],
  } as const
  const binding = {
    apiVersion,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: rbacGroup, kind: 'Role', name },
    subjects: serviceAccounts.map((account) => ({ kind: 'ServiceAccount', name: account, namespace })),
  } as const
  return [role, binding]
}

/** One member a line, each in JSON, which YAML is a superset of. */
function yamlOf(object: object): string {
  return Object.entries(object)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join('')
}
