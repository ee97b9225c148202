import type { KubeObject } from '../harness/kube.ts'

const group = 'rbac.authorization.k8s.io'

interface Options {
  readonly accounts: readonly string[]
  /** Resource names of scopes. */
  readonly names: readonly string[]
  readonly seed: number
}

/**
 * Roles and bindings as people write them, and as they get them wrong: whole kinds, stars where none counts, other verbs
 * and groups, cluster roles bound in the namespace, all accounts of a namespace, accounts of another.
 */
export function generateAccess(namespace: string, { accounts, names, seed }: Options): readonly KubeObject[] {
  const random = createRandom(seed)
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T
  const some = <T>(all: readonly T[]): readonly T[] => all.filter(() => random() < 0.4)
  return Array.from({ length: 14 }, (_, at) => {
    const metadata = { name: `generated-${at}`, namespace }
    const isForAll = at === 0
    const rule = {
      apiGroups: [pick(['tokenbroker.dev', 'tokenbroker.dev', 'tokenbroker.dev', '*', 'example.com'])],
      resources: [pick(['tokenscopes', 'tokenscopes', 'tokenscopes', '*', 'tokenpolicies'])],
      verbs: pick([['exchange'], ['exchange'], ['get', 'exchange'], ['*'], ['get']]),
      ...(random() < 0.1 ? {} : { resourceNames: [...some(names), pick([...names, '*', 'generated:repo'])] }),
    }
    const subjects = [
      isForAll
        ? { kind: 'Group', apiGroup: group, name: `system:serviceaccounts:${namespace}` }
        : { kind: 'ServiceAccount', name: pick(accounts), namespace: pick([namespace, namespace, 'default']) },
    ]
    const kind = pick(['Role', 'Role', 'ClusterRole'])
    const roleRef = { apiGroup: group, kind, name: kind === 'Role' ? metadata.name : `${namespace}-${at}` }
    const rules = isForAll ? [{ ...rule, ...exact, resourceNames: names.slice(0, 1) }] : [rule]
    const role = kind === 'Role' ? { metadata } : { metadata: { name: roleRef.name } }
    return [
      { apiVersion: `${group}/v1`, kind, ...role, rules },
      { apiVersion: `${group}/v1`, kind: 'RoleBinding', metadata, roleRef, subjects },
    ]
  }).flat()
}

const exact = { apiGroups: ['tokenbroker.dev'], resources: ['tokenscopes'], verbs: ['exchange'] }

/** All but the empty one. */
export function subsetsOf<T>(all: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: 2 ** all.length - 1 }, (_, bits) => all.filter((_one, at) => ((bits + 1) >> at) & 1))
}

/** The same numbers from 0 to 1 for the same seed. @see https://en.wikipedia.org/wiki/Linear_congruential_generator */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}
