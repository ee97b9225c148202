import { apply, createNamespace, facts } from '../harness/cluster.ts'
import type { KubeObject } from '../harness/kube.ts'
import { issuerUrl, target, tokenUrl } from './names.ts'

/** A team's namespace: ServiceAccount, Role, TokenPolicy and a Task that uses the token. */
export interface Team {
  readonly namespace: string
}

export interface TeamOptions {
  readonly authority: string
  /** Where the step's calls go: the protected API. */
  readonly apiUrl: string
  /** Without it RBAC says no. Default true. */
  readonly hasRole?: boolean
}

export async function createTeam({ authority, apiUrl, hasRole = true }: TeamOptions): Promise<Team> {
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
    sidecarConfig(namespace, authority),
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

function sidecarConfig(namespace: string, authority: string): KubeObject {
  const config = { broker: { url: tokenUrl, ca: authority }, steps: [{ policies: ['deploy-staging'] }] }
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'tokenbroker-sidecar', namespace },
    data: { 'sidecar.json': JSON.stringify(config) },
  }
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

function rolloutTask(namespace: string, apiUrl: string): KubeObject {
  const { images } = facts()
  const directory = { name: 'tokenbroker', mountPath: '/tokenbroker' }
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'Task',
    metadata: { name: 'rollout', namespace },
    spec: {
      volumes: [
        { name: 'tokenbroker', emptyDir: { medium: 'Memory' } },
        { name: 'tokenbroker-config', configMap: { name: 'tokenbroker-sidecar' } },
        {
          name: 'tokenbroker-identity',
          projected: {
            sources: [{ serviceAccountToken: { audience: issuerUrl, expirationSeconds: 3600, path: 'token' } }],
          },
        },
      ],
      sidecars: [
        {
          name: 'tokenbroker',
          image: images.task,
          args: ['/app/sidecar.mjs', '--config', '/etc/tokenbroker/sidecar.json'],
          readinessProbe: { httpGet: { path: '/readyz', port: 8098 }, periodSeconds: 1 },
          volumeMounts: [
            directory,
            { name: 'tokenbroker-config', mountPath: '/etc/tokenbroker', readOnly: true },
            { name: 'tokenbroker-identity', mountPath: '/var/run/secrets/tokenbroker', readOnly: true },
          ],
        },
      ],
      steps: [
        {
          name: 'rollout',
          image: images.task,
          env: [
            { name: 'TOKENBROKER_DIR', value: '/tokenbroker' },
            { name: 'TOKENBROKER_URL', value: 'http://127.0.0.1:8099' },
            { name: 'TOKENBROKER_HEADER_FILE', value: '/tokenbroker/deploy-staging/header' },
          ],
          volumeMounts: [{ ...directory, readOnly: true }],
          script: script(apiUrl),
        },
      ],
    },
  }
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
