import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { FakeKube } from '../fakes/kube/server.ts'

export interface Rule {
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
  readonly verbs: readonly string[]
}

export interface Role {
  readonly kind: 'Role' | 'ClusterRole'
  readonly metadata: { readonly name: string }
  readonly rules: readonly Rule[]
}

/** Roles of a file of `charts/rbac`. */
export function readRole(file: string): readonly Role[] {
  const text = readFileSync(join(import.meta.dirname, '../../charts/rbac', file), 'utf8')
  return parseAllDocuments(text).map((document) => document.toJS({ maxAliasCount: 0 }) as Role)
}

/** Gives a ServiceAccount what a role says, as the chart does; a Role in the namespace of the account. */
export function bindRole(kube: FakeKube, role: Role, account: { readonly namespace: string; readonly name: string }) {
  const apiVersion = 'rbac.authorization.k8s.io/v1'
  const place = role.kind === 'Role' ? { namespace: account.namespace } : {}
  const metadata = { name: role.metadata.name, ...place }
  kube.objects.create({ apiVersion, kind: role.kind, metadata, rules: role.rules })
  kube.objects.create({
    apiVersion,
    kind: `${role.kind}Binding`,
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: role.kind, name: role.metadata.name },
    subjects: [{ kind: 'ServiceAccount', ...account }],
  })
}
