import { parseCustomRun } from '../../../core/tekton/custom-run.ts'
import { parsePipelineRun } from '../../../core/tekton/pipeline-run.ts'
import type { Answer } from '../../../custom-task/controller/broker.ts'
import type { Attempt, Observed, Owner } from '../../../custom-task/controller/observed.ts'
import { runEndFinalizer } from '../../../custom-task/controller/plan-end.ts'
import type { StatusPatch, Step } from '../../../custom-task/controller/step.ts'
import { customRunObject, namespace, pipelineRunObject, present, runUid } from '../../core/tekton/objects.ts'

/** When the test takes place: the CustomRun of the fixture was made a second before. */
export const now = new Date('2026-01-01T00:00:02Z')

export const later = (ms: number) => new Date(now.getTime() + ms)

export const run = { namespace, kind: 'PipelineRun', name: 'release', uid: runUid } as const

type Parts = Parameters<typeof customRunObject>[0]

export interface Scene {
  readonly customRun?: Parts
  readonly pipelineRun?: Parts | 'gone' | 'none'
  readonly attempt?: Partial<Attempt>
  readonly specHash?: string
  readonly secretDelivery?: boolean
  readonly areConsumersRunning?: boolean
}

export const held = { metadata: { finalizers: [runEndFinalizer] } }

export function observe({
  customRun,
  pipelineRun,
  attempt,
  specHash = 'h1',
  secretDelivery = true,
  areConsumersRunning = true,
}: Scene = {}): Observed {
  return {
    customRun: present(parseCustomRun(customRunObject(customRun))),
    specHash,
    owner: ownerOf(pipelineRun),
    attempt: { firstSeenAt: now, answers: undefined, nextAskAt: undefined, delivered: undefined, ...attempt },
    secretDelivery,
    areConsumersRunning,
  }
}

function ownerOf(parts: Scene['pipelineRun']): Owner {
  if (parts === 'none') return { kind: 'none' }
  if (parts === 'gone') return { kind: 'gone', run }
  return { kind: 'present', run, pipelineRun: present(parsePipelineRun(pipelineRunObject(parts))) }
}

export const explained: Answer = {
  kind: 'explained',
  decision: 'deny',
  policy: undefined,
  audience: undefined,
  scope: [],
  description: 'Grant verb exchange',
  exchangeId: 'ex-1',
  body: {},
}

export const authorized: Answer = {
  kind: 'authorized',
  authorizationId: 'auth-1',
  expiresAt: new Date('2026-01-01T01:00:00Z'),
  policy: 'deploy-staging',
  audience: 'https://deploy.example.com',
  scope: ['deploy:staging', 'image:push'],
  exchangeId: 'ex-1',
}

export const refused: Answer = {
  kind: 'refused',
  error: 'invalid_scope',
  description: 'Ask for a scope that the policy lists',
  exchangeId: 'ex-2',
}

export const pending: Answer = {
  kind: 'pending',
  intervalSeconds: 5,
  approval: 'approval-1',
  description: 'wait',
  exchangeId: 'ex-3',
}

export const unavailable: Answer = {
  kind: 'unavailable',
  description: 'The broker cannot be reached: check its URL',
  status: undefined,
  retryAfterSeconds: undefined,
  exchangeId: undefined,
}

export const providerFailed: Answer = { ...unavailable, description: 'The provider', status: 502, exchangeId: 'ex-4' }

/** Status of a CustomRun that goes on, as the controller wrote it a second before {@link now}. */
export function goesOn(reason: string, more: object = {}) {
  return {
    observedGeneration: 1,
    startTime: '2026-01-01T00:00:01Z',
    extraFields: { specHash: 'h1' },
    conditions: [
      { type: 'Succeeded', status: 'Unknown', reason, message: 'm', lastTransitionTime: '2026-01-01T00:00:01Z' },
    ],
    ...more,
  }
}

export function statusOf(steps: readonly Step[]): StatusPatch {
  return present(steps.find((step) => step.kind === 'patch-status')).status
}

export function said(steps: readonly Step[]): string {
  const { status, reason } = statusOf(steps).conditions[0]
  return `${status} ${reason}`
}
