import { describe, expect, it } from 'vitest'
import { isCustomRunDone, isMistaken, isOurs, parseCustomRun } from '../../../core/tekton/custom-run.ts'
import {
  effectiveServiceAccount,
  hasPipelineRunEnded,
  parsePipelineRun,
  pipelineRunDeadline,
  pipelineTaskOfChild,
} from '../../../core/tekton/pipeline-run.ts'
import { hasPodEnded, parsePod, podAddresses } from '../../../core/tekton/pod.ts'
import { hasTaskRunEnded, parseTaskRun, taskRunDeadline } from '../../../core/tekton/task-run.ts'
import { customRunObject, pipelineRunObject, present } from './objects.ts'

const done = (status: string) => ({ conditions: [{ type: 'Succeeded', status }] })

describe('parseCustomRun', () => {
  it('reads string, array and object params', () => {
    const params = [
      { name: 'policy', value: 'a' },
      { name: 'scope', value: ['a', 'b'] },
      { name: 'odd', value: { a: 'b' } },
    ]

    expect(parseCustomRun(customRunObject({ spec: { params } }))?.spec.params).toEqual(params)
  })

  it('takes an object without status as one that nobody looked at yet', () => {
    const run = present(parseCustomRun(customRunObject()))

    expect(run.status).toMatchObject({ conditions: [], results: [], retriesStatus: [] })
    expect(isCustomRunDone(run)).toBe(false)
  })

  it.each([
    ['another kind', { ...customRunObject(), kind: 'TaskRun' }],
    ['no metadata', { ...customRunObject(), metadata: undefined }],
    ['a param that is a number', customRunObject({ spec: { params: [{ name: 'ttl', value: 5 }] } })],
    ['nothing', undefined],
  ])('refuses %s', (_, object) => {
    expect(parseCustomRun(object)).toBeUndefined()
  })

  it.each(['True', 'False'])('is done when Succeeded is %s', (status) => {
    expect(isCustomRunDone(present(parseCustomRun(customRunObject({ status: done(status) }))))).toBe(true)
  })
})

describe('isOurs', () => {
  const ref = { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange' }
  it.each([
    ['our reference', { customRef: ref }, true],
    ['our embedded spec', { customRef: undefined, customSpec: ref }, true],
    ['both', { customRef: ref, customSpec: ref }, false],
    ['neither', { customRef: undefined }, false],
    ['another version', { customRef: { ...ref, apiVersion: 'tokenbroker.dev/v1' } }, false],
    ['another kind', { customRef: { ...ref, kind: 'ApprovalTask' } }, false],
  ])('%s: %s is %s', (_, spec, expected) => {
    expect(isOurs(present(parseCustomRun(customRunObject({ spec }))))).toBe(expected)
  })

  it.each([
    ['our reference', { customRef: ref }, false],
    ['another version of our group', { customRef: { ...ref, apiVersion: 'tokenbroker.dev/v1' } }, true],
    ['our group without a version', { customRef: { ...ref, apiVersion: 'tokenbroker.dev' } }, true],
    ['another kind of our group', { customRef: undefined, customSpec: { ...ref, kind: 'TokenExchang' } }, true],
    ['a group that ends like ours', { customRef: { ...ref, apiVersion: 'not.tokenbroker.dev/v1' } }, false],
    ['a group that begins like ours', { customRef: { ...ref, apiVersion: 'tokenbroker.dev.org/v1' } }, false],
    ['both', { customRef: { ...ref, kind: 'x' }, customSpec: ref }, false],
  ])('takes %s for a mistake: %s is %s', (_, spec, expected) => {
    expect(isMistaken(present(parseCustomRun(customRunObject({ spec }))))).toBe(expected)
  })
})

describe('PipelineRun', () => {
  it('runs a task as the ServiceAccount of its taskRunSpecs entry, then of the template, then default', () => {
    const taskRunSpecs = [
      { pipelineTaskName: 'deploy', serviceAccountName: 'first' },
      { pipelineTaskName: 'deploy', serviceAccountName: 'last' },
      { pipelineTaskName: 'deploy' },
    ]
    const run = present(parsePipelineRun(pipelineRunObject({ spec: { taskRunSpecs } })))
    const bare = present(parsePipelineRun(pipelineRunObject({ spec: { taskRunTemplate: undefined } })))

    expect(effectiveServiceAccount(run, 'deploy')).toBe('last')
    expect(effectiveServiceAccount(run, 'token')).toBe('deployer')
    expect(effectiveServiceAccount(bare, 'token')).toBe('default')
  })

  it('names the pipeline task of a child by kind and name', () => {
    const run = present(parsePipelineRun(pipelineRunObject()))

    expect(pipelineTaskOfChild(run, { kind: 'CustomRun', name: 'release-token' })).toBe('token')
    expect(pipelineTaskOfChild(run, { kind: 'TaskRun', name: 'release-token' })).toBeUndefined()
  })

  it.each([
    ['1h0m0s', '2026-01-01T01:00:00.000Z'],
    ['90.5s', '2026-01-01T00:01:30.500Z'],
    ['0s', undefined],
    [undefined, undefined],
  ])('has the deadline of timeouts.pipeline %s', (pipeline, expected) => {
    const run = present(parsePipelineRun(pipelineRunObject({ spec: { timeouts: { pipeline } } })))

    expect(pipelineRunDeadline(run)?.toISOString()).toBe(expected)
  })

  it.each([
    ['running', {}, false],
    ['done', { status: done('True') }, true],
    ['failed', { status: done('False') }, true],
    ['with a completion time', { status: { completionTime: '2026-01-01T00:05:00Z' } }, true],
    ['being deleted', { metadata: { deletionTimestamp: '2026-01-01T00:05:00Z' } }, true],
  ])('%s: ended is %s', (_, parts, expected) => {
    expect(hasPipelineRunEnded(present(parsePipelineRun(pipelineRunObject(parts))))).toBe(expected)
  })
})

describe('TaskRun', () => {
  const object = (parts: { spec?: object; status?: object } = {}) => ({
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name: 'release-deploy', namespace: 'payments', uid: 'u' },
    spec: { serviceAccountName: 'deployer', timeout: '10m0s', ...parts.spec },
    status: { podName: 'release-deploy-pod', startTime: '2026-01-01T00:00:00Z', ...parts.status },
  })

  it('reads the pod, the ServiceAccount and the deadline', () => {
    const run = present(parseTaskRun(object()))

    expect(run.status.podName).toBe('release-deploy-pod')
    expect(run.spec.serviceAccountName).toBe('deployer')
    expect(taskRunDeadline(run)?.toISOString()).toBe('2026-01-01T00:10:00.000Z')
    expect(hasTaskRunEnded(run)).toBe(false)
  })

  it('has ended once done', () => {
    expect(hasTaskRunEnded(present(parseTaskRun(object({ status: done('False') }))))).toBe(true)
  })

  it('has no deadline without a timeout', () => {
    expect(taskRunDeadline(present(parseTaskRun(object({ spec: { timeout: '0s' } }))))).toBeUndefined()
  })
})

describe('Pod', () => {
  const object = (status: object, metadata: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'payments', uid: 'u', ...metadata },
    spec: { serviceAccountName: 'deployer', nodeName: 'node1' },
    status,
  })

  it('lists its addresses of both families once', () => {
    const pod = present(
      parsePod(object({ phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] })),
    )

    expect(podAddresses(pod)).toEqual(['10.0.0.1', 'fd00::1'])
    expect(hasPodEnded(pod)).toBe(false)
  })

  it.each([
    ['Succeeded', {}],
    ['Failed', {}],
    ['Running', { deletionTimestamp: '2026-01-01T00:05:00Z' }],
  ])('has ended in phase %s with %o', (phase, metadata) => {
    expect(hasPodEnded(present(parsePod(object({ phase }, metadata))))).toBe(true)
  })
})
