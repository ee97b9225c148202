import { apiGroup } from '../crd/kind.ts'
import { tokenScope } from '../crd/token-scope.ts'
import type { ScopeAccess } from './allowance.ts'
import type { Judgement } from './evaluate.ts'
import { rbac } from './rules/rbac.ts'

type Lacking = Pick<ScopeAccess, 'serviceAccount' | 'resourceName'>

interface RbacObject {
  readonly apiVersion: string
  readonly kind: 'Role' | 'RoleBinding'
  readonly metadata: { readonly name: string; readonly namespace: string }
}

const rbacGroup = 'rbac.authorization.k8s.io'

/** Whether a Role brings the request further: where an earlier rule refuses, such as for the scope, it gives a right in vain. */
export function isRoleOfUse({ refusal }: Pick<Judgement, 'refusal'>): boolean {
  return refusal?.rule === rbac.name
}

/**
 * The Role and RoleBindings that RBAC lacks for some scopes, for `kubectl apply -f -`: one pair for each set of scopes
 * that accounts lack together.
 *
 * @param name with which the names of the objects start, a policy's as a rule
 */
export function missingRole(name: string, namespace: string, lacking: readonly Lacking[]): string {
  const scopesOf = new Map<string, string[]>()
  for (const { serviceAccount, resourceName } of lacking) {
    scopesOf.set(serviceAccount, [...(scopesOf.get(serviceAccount) ?? []), resourceName])
  }
  const groups = Map.groupBy(scopesOf, ([, names]) => [...new Set(names)].sort().join(' '))
  return [...groups]
    .flatMap(([names, accounts]) => {
      const holders = accounts.map(([account]) => account)
      return roleAndBinding(grantName(name, names.split(' '), holders), namespace, names.split(' '), holders)
    })
    .map((object) => yamlOf(object))
    .join('---\n')
}

/**
 * A name that only the same grant has: applying what somebody else lacks, or other scopes, under the name of a Role that is
 * there would take from whoever has it.
 */
export function grantName(name: string, resourceNames: readonly string[], serviceAccounts: readonly string[]): string {
  const grant = JSON.stringify([resourceNames.toSorted(), serviceAccounts.toSorted()])
  return `${name}-${fnv1a(grant).toString(16).padStart(8, '0')}`
}

/** FNV-1a in 32 bits: tells a handful of names apart, and protects nothing. */
function fnv1a(text: string): number {
  const mixed = [...text].reduce(
    (sum, char) => Math.imul(sum ^ (char.codePointAt(0) ?? 0), 0x01_00_01_93),
    0x81_1c_9d_c5,
  )
  return mixed >>> 0
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
