import { z } from 'zod'
import { apiGroup } from '../../../core/crd/kind.ts'
import { tokenScope } from '../../../core/crd/token-scope.ts'

const rule = z.object({
  apiGroups: z.array(z.string()).nullish(),
  resources: z.array(z.string()).nullish(),
  resourceNames: z.array(z.string()).nullish(),
  verbs: z.array(z.string()).nullish(),
})
const role = z.object({
  kind: z.enum(['Role', 'ClusterRole']),
  metadata: z.object({ name: z.string(), namespace: z.string().optional() }),
  rules: z.array(rule).nullish(),
})
const binding = z.object({
  kind: z.enum(['RoleBinding', 'ClusterRoleBinding']),
  metadata: z.object({ name: z.string(), namespace: z.string().optional() }),
  roleRef: z.object({ kind: z.string(), name: z.string() }),
  subjects: z.array(z.object({ kind: z.string(), name: z.string(), namespace: z.string().optional() })).nullish(),
})

/** Whom RBAC lets exchange a scope in a namespace. */
export interface Holder {
  /** Of a ServiceAccount, `<namespace>/<name>`; of a group or user its name. */
  readonly name: string
  readonly kind: 'ServiceAccount' | 'Group' | 'User'
  /** The binding that says so. */
  readonly through: string
}

/** Roles and bindings, as objects of Kubernetes; what is none of them, or not usable, is left out. */
export interface RbacObjects {
  readonly isEmpty: boolean
  holders(namespace: string, resourceName: string): readonly Holder[]
  mayExchange(namespace: string, serviceAccount: string, resourceName: string): boolean
}

/** @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
export function rbacObjects(objects: readonly unknown[]): RbacObjects {
  const roles = objects.flatMap((one) => role.safeParse(one).data ?? [])
  const bindings = objects.flatMap((one) => binding.safeParse(one).data ?? [])

  function allows({ roleRef, metadata }: z.output<typeof binding>, resourceName: string): boolean {
    const namespace = roleRef.kind === 'Role' ? metadata.namespace : undefined
    const found = roles.find(
      (one) => one.kind === roleRef.kind && one.metadata.name === roleRef.name && one.metadata.namespace === namespace,
    )
    return (found?.rules ?? []).some((one) => covers(one, resourceName))
  }

  function holders(namespace: string, resourceName: string): readonly Holder[] {
    return bindings
      .filter(({ kind, metadata }) => kind === 'ClusterRoleBinding' || metadata.namespace === namespace)
      .filter((one) => allows(one, resourceName))
      .flatMap((one) => (one.subjects ?? []).map((subject) => holderOf(subject, `${one.kind} ${one.metadata.name}`)))
  }

  return {
    isEmpty: roles.length === 0 && bindings.length === 0,
    holders,
    mayExchange(namespace, serviceAccount, resourceName) {
      const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated']
      return holders(namespace, resourceName).some(({ kind, name }) => {
        if (kind === 'ServiceAccount') return name === `${namespace}/${serviceAccount}`
        if (kind === 'Group') return groups.includes(name)
        return name === `system:serviceaccount:${namespace}:${serviceAccount}`
      })
    },
  }
}

function covers({ apiGroups, resources, resourceNames, verbs }: z.output<typeof rule>, name: string): boolean {
  const has = (list: readonly string[] | null | undefined, wanted: string) =>
    list?.some((one) => one === wanted || one === '*') ?? false
  const isNamed = (resourceNames ?? []).length === 0 || resourceNames?.includes(name) === true
  return has(apiGroups, apiGroup) && has(resources, tokenScope.plural) && has(verbs, 'exchange') && isNamed
}

function holderOf(subject: { kind: string; name: string; namespace?: string | undefined }, through: string): Holder {
  if (subject.kind === 'ServiceAccount') {
    return { kind: 'ServiceAccount', name: `${subject.namespace ?? ''}/${subject.name}`, through }
  }
  return { kind: subject.kind === 'Group' ? 'Group' : 'User', name: subject.name, through }
}
