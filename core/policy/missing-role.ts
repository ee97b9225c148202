import { apiGroup } from '../crd/kind.ts'
import { tokenScope } from '../crd/token-scope.ts'
import type { ScopeAccess } from './allowance.ts'

type Lacking = Pick<ScopeAccess, 'serviceAccount' | 'resourceName'>

/**
 * The Role and RoleBindings that RBAC lacks for some scopes, as YAML ready for `kubectl apply -f -`: one pair for each
 * set of scopes that accounts lack together.
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
    .map(([names, accounts], at) => {
      const suffix = at === 0 ? '' : `-${at + 1}`
      return roleAndBinding(
        `${name}${suffix}`,
        namespace,
        names.split(' '),
        accounts.map(([account]) => account),
      )
    })
    .join('---\n')
}

/** A Role for scopes (`<provider>:<scope>`) and its RoleBinding to ServiceAccounts of the same namespace, as YAML. */
export function roleAndBinding(
  name: string,
  namespace: string,
  resourceNames: readonly string[],
  serviceAccounts: readonly string[],
): string {
  const lines = [
    'apiVersion: rbac.authorization.k8s.io/v1',
    'kind: Role',
    'metadata:',
    `  name: ${scalar(name)}`,
    `  namespace: ${scalar(namespace)}`,
    'rules:',
    `- apiGroups: [${apiGroup}]`,
    `  resources: [${tokenScope.plural}]`,
    // JSON is YAML: whatever a scope holds is quoted.
    `  resourceNames: ${JSON.stringify(resourceNames)}`,
    '  verbs: [exchange]',
    '---',
    'apiVersion: rbac.authorization.k8s.io/v1',
    'kind: RoleBinding',
    'metadata:',
    `  name: ${scalar(name)}`,
    `  namespace: ${scalar(namespace)}`,
    'roleRef:',
    '  apiGroup: rbac.authorization.k8s.io',
    '  kind: Role',
    `  name: ${scalar(name)}`,
    'subjects:',
    ...serviceAccounts.flatMap((account) => [
      '- kind: ServiceAccount',
      `  name: ${scalar(account)}`,
      `  namespace: ${scalar(namespace)}`,
    ]),
  ]
  return `${lines.join('\n')}\n`
}

/** A name as YAML reads it back: what might be taken for a number or a word of its own is quoted, as JSON is. */
export function scalar(text: string): string {
  const isPlain = /^[a-z][a-z-]*[a-z]$/.test(text) || /^[a-z]+-[a-z0-9-]+$/.test(text)
  return isPlain && !/^(?:true|false|null|yes|no|on|off)$/.test(text) ? text : JSON.stringify(text)
}
