import { apply, createToken } from '../harness/cluster.ts'

/** Login of somebody who may do in the namespace what the ClusterRole `edit` says. */
export async function editorToken(namespace: string): Promise<string> {
  const apiGroup = 'rbac.authorization.k8s.io'
  await apply([
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'editor', namespace } },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'editor', namespace },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'edit' },
      subjects: [{ kind: 'ServiceAccount', name: 'editor', namespace }],
    },
  ])
  return createToken(namespace, 'editor')
}
