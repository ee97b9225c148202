import type { HeldSecret, MadeSecret } from '../../../../custom-task/controller/secrets/held-secret.ts'
import { tokenTask } from '../../../core/tekton/objects.ts'
import { authorized, goesOn, held, now, observe, type Scene } from '../observation.ts'

/** A pipeline whose TokenExchange delivers a Secret, and what the status of its CustomRun notes. */

export const params = [{ name: 'deliver', value: 'secret' }]
export const tasks = [
  { ...tokenTask, params },
  { name: 'deploy', runAfter: ['token'], taskRef: { kind: 'Task', name: 'rollout' } },
]

export const secretName = (letter: string) => `tokenbroker-${letter.repeat(26)}`

export const reserved: HeldSecret = { name: secretName('a'), policy: 'deploy-staging' }

/** Made a minute before {@link now}, with four more to live. */
export const made: MadeSecret = {
  ...reserved,
  uid: 'secret-uid',
  exchangeId: 'ex-9',
  expiresAt: '2026-01-01T00:04:02Z',
  renewAt: '2026-01-01T00:01:32Z',
}

export const succeededWith = (secrets: readonly HeldSecret[]) =>
  goesOn('Authorized', {
    extraFields: { specHash: 'h1', secrets },
    conditions: [{ type: 'Succeeded', status: 'True', reason: 'Authorized' }],
  })

export function observeSecret(scene: Scene = {}, status?: object) {
  const pipelineRun = scene.pipelineRun ?? { status: { pipelineSpec: { tasks } } }
  return observe({
    ...scene,
    pipelineRun,
    customRun: { ...held, spec: { params }, ...(status && { status }), ...scene.customRun },
  })
}

/** The broker has said yes. */
export const allowed = { answers: [authorized], nextAskAt: now }
