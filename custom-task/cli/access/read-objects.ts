import { readFile } from 'node:fs/promises'
import { parseAllDocuments } from 'yaml'
import { type KubeClient, KubeError, type Resource, resources } from '../../../core/io/kube/api.ts'
import { CommandFailure, exitCodes } from '../command.ts'
import { cannotBeRead } from '../file-failure.ts'

const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1' } as const

/** All that says who may get what. */
export const accessResources = {
  tokenPolicies: { resource: resources.tokenPolicies, kind: 'TokenPolicy' },
  clusterTokenPolicies: { resource: resources.clusterTokenPolicies, kind: 'ClusterTokenPolicy' },
  clusterTokenProviders: { resource: resources.clusterTokenProviders, kind: 'ClusterTokenProvider' },
  roles: { resource: { ...rbac, plural: 'roles', isNamespaced: true }, kind: 'Role' },
  roleBindings: { resource: { ...rbac, plural: 'rolebindings', isNamespaced: true }, kind: 'RoleBinding' },
  clusterRoles: { resource: { ...rbac, plural: 'clusterroles', isNamespaced: false }, kind: 'ClusterRole' },
  clusterRoleBindings: {
    resource: { ...rbac, plural: 'clusterrolebindings', isNamespaced: false },
    kind: 'ClusterRoleBinding',
  },
} as const satisfies Record<string, { readonly resource: Resource; readonly kind: string }>

interface Readable {
  readonly resource: Resource
  readonly kind: string
}

export interface ReadObjects {
  readonly objects: readonly object[]
  /** What the person may not list. */
  readonly unseen: readonly string[]
}

/** Lists with the person's own rights; what they may not see is said, and is no failure. */
export async function readObjects(
  kube: Pick<KubeClient, 'list'>,
  what: readonly Readable[],
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<ReadObjects> {
  const lists = await Promise.all(
    what.map(async ({ resource, kind }) => {
      const options = namespace !== undefined && resource.isNamespaced ? { namespace } : {}
      try {
        const { items } = await kube.list(resource, options, signal)
        // Items of a list do not say their kind.
        return { objects: items.map((item) => ({ ...item, kind })), unseen: [] }
      } catch (cause) {
        if (!(cause instanceof KubeError && (cause.status === 403 || cause.status === 404))) throw cause
        return { objects: [], unseen: [resource.plural] }
      }
    }),
  )
  return { objects: lists.flatMap(({ objects }) => objects), unseen: lists.flatMap(({ unseen }) => unseen) }
}

/** The documents of YAML files. @throws CommandFailure */
export async function readYaml(path: string, signal: AbortSignal): Promise<readonly unknown[]> {
  const text = await readFile(path, { encoding: 'utf8', signal }).catch((cause) => {
    signal.throwIfAborted()
    throw cannotBeRead(path, 'name a YAML file', cause)
  })
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors
    if (error === undefined) return document.toJS() as unknown
    const line = error.linePos?.[0].line ?? 1
    throw new CommandFailure(exitCodes.failed, `${path}, line ${line}: this is no YAML.`)
  })
}
