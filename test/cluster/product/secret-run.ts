import { facts, kube } from '../harness/cluster.ts'
import type { KubeObject } from '../harness/kube.ts'
import { waitFor } from '../harness/wait.ts'
import { target } from './names.ts'
import { childOf } from './payments.ts'

/** A pipeline whose token goes into a Secret, and a Task that mounts it as Tasks do that know nothing of us. */
export function secretRun(
  namespace: string,
  {
    script,
    podTemplate = {},
    ttl = '5m',
  }: { readonly script: string; readonly podTemplate?: object; readonly ttl?: string },
): KubeObject {
  const token = {
    name: 'token',
    taskRef: { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: 'deploy-staging' },
    params: [
      { name: 'deliver', value: 'secret' },
      { name: 'ttl', value: ttl },
    ],
  }
  const deploy = {
    name: 'deploy',
    params: [{ name: 'token-secret', value: '$(tasks.token.results.secret-name)' }],
    taskSpec: {
      params: [{ name: 'token-secret' }],
      volumes: [{ name: 'token', secret: { secretName: '$(params.token-secret)' } }],
      steps: [
        {
          name: 'rollout',
          image: facts().images.curl,
          volumeMounts: [{ name: 'token', mountPath: '/token', readOnly: true }],
          script: `#!/bin/sh\nset -eu\n${script}\n`,
        },
      ],
    },
  }
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { generateName: 'secret-', namespace },
    spec: {
      pipelineSpec: { tasks: [token, deploy] },
      taskRunTemplate: { serviceAccountName: 'deployer', podTemplate },
    },
  }
}

/** What the step calls to be let in. */
export const rollout = `curl --fail --silent --show-error --request POST -H @/token/header ${target}/rollouts`

export interface MadeSecret {
  readonly name: string
  readonly path: string
  readonly token: string
  readonly object: KubeObject
}

/** The Secret that the results name, once the CustomRun is done. */
export async function secretOf(run: KubeObject): Promise<MadeSecret> {
  const { namespace } = run.metadata
  const name = await waitFor('the results name the Secret', async (report) => {
    const { status } = await (await kube()).get(await (await kube()).pathOf(run))
    report(status)
    const customRun = status?.childReferences && (await childOf(run, 'customruns', 'token'))
    report(customRun?.status)
    const results: readonly { name: string; value: string }[] = customRun?.status?.results ?? []
    return results.find((one) => one.name === 'secret-name')?.value
  })
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`
  const object = await (await kube()).get(path)
  return { name, path, object, token: Buffer.from(object['data'].token, 'base64').toString() }
}
