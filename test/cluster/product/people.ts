import { apply, kube } from '../harness/cluster.ts'
import type { KubeObject } from '../harness/kube.ts'
import { type KubectlResult, kubectl } from '../harness/kubectl.ts'
import { waitFor } from '../harness/wait.ts'

/** Somebody with a login of a group, as a person's certificate or identity provider says. */
export interface Person {
  readonly name: string
  readonly groups: readonly string[]
}

/** Who may decide in a namespace, by the role that the chart brings; group `patchers` may patch, and not decide. */
export async function letDecide(namespace: string, groups: readonly string[]): Promise<void> {
  const apiGroup = 'rbac.authorization.k8s.io'
  await apply([
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'approvers', namespace },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'tokenbroker-approver' },
      subjects: groups.map((name) => ({ apiGroup, kind: 'Group', name })),
    },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'Role',
      metadata: { name: 'patchers', namespace },
      rules: [{ apiGroups: ['tokenbroker.dev'], resources: ['tokenapprovals'], verbs: ['get', 'patch'] }],
    },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'patchers', namespace },
      roleRef: { apiGroup, kind: 'Role', name: 'patchers' },
      subjects: [{ apiGroup, kind: 'Group', name: 'patchers' }],
    },
  ])
}

/** The documented patch, as a person types it; `by` is whom the entry names. */
export async function decide(
  approval: KubeObject,
  person: Person,
  entry: { readonly by?: string; readonly verdict?: string; readonly groups?: readonly string[] } = {},
): Promise<KubectlResult> {
  const decision = { by: person.name, verdict: 'Approved', ...entry }
  return await patch(approval, person, [{ op: 'add', path: '/spec/decisions/-', value: decision }])
}

export async function patch(approval: KubeObject, person: Person, operations: readonly object[]) {
  const { namespace = '', name = '' } = approval.metadata
  const who = ['--as', person.name, ...person.groups.flatMap((group) => ['--as-group', group])]
  const what = ['patch', 'tokenapproval', name, '-n', namespace, '--type=json', '-p', JSON.stringify(operations)]
  return await kubectl(...who, ...what)
}

/** The question about a run, once it is asked. */
export async function questionAbout({ metadata: { namespace, name } }: KubeObject): Promise<KubeObject> {
  return await waitFor(`people are asked about ${name}`, async () => {
    const all = await (await kube()).list(`/apis/tokenbroker.dev/v1alpha1/namespaces/${namespace}/tokenapprovals`)
    return all.find(({ spec, status }) => spec.request.run.name === name && status?.conditions !== undefined)
  })
}
