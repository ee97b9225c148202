import { apply, createNamespace, facts, kube } from '../harness/cluster.ts'
import type { KubeObject } from '../harness/kube.ts'
import { target } from './names.ts'

/** A team's namespace: ServiceAccount, Role, TokenPolicy and a Task that uses the token. */
export interface Team {
  readonly namespace: string
}

export interface TeamOptions {
  /** Where the step's calls go: the protected API. */
  readonly apiUrl: string
  /** Without it RBAC says no. Default true. */
  readonly hasRole?: boolean
}

/** What exists, as the platform team says it. */
export const builtinProvider: KubeObject = {
  apiVersion: 'tokenbroker.dev/v1alpha1',
  kind: 'ClusterTokenProvider',
  metadata: { name: 'builtin' },
  spec: { builtin: {}, audiences: [target], scopes: ['deploy:staging', 'deploy:production'] },
}

export async function createTeam({ apiUrl, hasRole = true }: TeamOptions): Promise<Team> {
  const namespace = await createNamespace('payments')
  await apply([
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'deployer', namespace } },
    {
      apiVersion: 'tokenbroker.dev/v1alpha1',
      kind: 'TokenPolicy',
      metadata: { name: 'deploy-staging', namespace },
      spec: { audience: target, scopes: ['deploy:staging'] },
    },
    ...(hasRole ? rbac(namespace) : []),
    rolloutTask(namespace, apiUrl),
  ])
  return { namespace }
}

export function rbac(namespace: string): readonly KubeObject[] {
  const apiGroup = 'rbac.authorization.k8s.io'
  const metadata = { name: 'deploy-staging', namespace }
  return [
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'Role',
      metadata,
      rules: [
        {
          apiGroups: ['tokenbroker.dev'],
          resources: ['tokenscopes'],
          resourceNames: ['builtin:deploy:staging'],
          verbs: ['exchange'],
        },
      ],
    },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup, kind: 'Role', name: 'deploy-staging' },
      subjects: [{ kind: 'ServiceAccount', name: 'deployer', namespace }],
    },
  ]
}

/** A step reads the token from the file and over localhost, and calls the protected API with both. */
const script = (apiUrl: string) => `#!/bin/sh
set -eu
header=$(cat "$TOKENBROKER_HEADER_FILE")
wget -q -O - --header "$header" --post-data '' ${apiUrl}/rollouts
basic=$(printf 'deploy-staging:%s' "$(cat "$TOKENBROKER_DIR/key")" | base64 | tr -d '\\n')
answer=$(wget -q -O - --header "Authorization: Basic $basic" --post-data grant_type=client_credentials "$TOKENBROKER_URL/token")
token=$(printf '%s' "$answer" | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
test "Authorization: Bearer $token" = "$header" && echo LOCALHOST-SAME-TOKEN
wget -q -O - --header "Authorization: Bearer $token" --post-data '' ${apiUrl}/rollouts
test ! -e /var/run/secrets/tokenbroker/token && echo IDENTITY-NOT-IN-STEP
`

/** A Task as anybody writes one: what it needs for tokens comes from the webhook. */
function rolloutTask(namespace: string, apiUrl: string): KubeObject {
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'Task',
    metadata: { name: 'rollout', namespace },
    spec: { steps: [{ name: 'rollout', image: facts().images.busybox, script: script(apiUrl) }] },
  }
}

/** The TaskRun or CustomRun of a pipeline task. */
export async function childOf(run: KubeObject, plural: 'taskruns' | 'customruns', task: string): Promise<KubeObject> {
  const { namespace, name } = run.metadata
  const version = plural === 'customruns' ? 'v1beta1' : 'v1'
  const labelSelector = `tekton.dev/pipelineRun=${name},tekton.dev/pipelineTask=${task}`
  const [child] = await (await kube()).list(`/apis/tekton.dev/${version}/namespaces/${namespace}/${plural}`, {
    labelSelector,
  })
  if (child === undefined) throw new Error(`${name} has no child for task ${task}`)
  return child
}

/** A Pipeline with a TokenExchange task, and the rollout behind it unless it is a gate only. */
export function pipelineRun(
  namespace: string,
  options: {
    readonly params?: readonly object[]
    readonly isGate?: boolean
    readonly timeout?: string
    readonly serviceAccount?: string
  } = {},
): KubeObject {
  const { params = [], isGate = false, timeout, serviceAccount = 'deployer' } = options
  const token = {
    name: 'token',
    taskRef: { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: 'deploy-staging' },
    params: [...params, ...(isGate ? [{ name: 'deliver', value: 'none' }] : [])],
    ...(timeout && { timeout }),
  }
  const deploy = { name: 'deploy', runAfter: ['token'], taskRef: { name: 'rollout' } }
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { generateName: 'release-', namespace },
    spec: {
      pipelineSpec: { tasks: isGate ? [token] : [token, deploy] },
      taskRunTemplate: { serviceAccountName: serviceAccount },
    },
  }
}
