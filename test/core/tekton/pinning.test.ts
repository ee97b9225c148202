import { describe, expect, it } from 'vitest'
import { parseCustomRun } from '../../../core/tekton/custom-run.ts'
import { sameSpec } from '../../../core/tekton/pinning.ts'
import { parsePipelineRun } from '../../../core/tekton/pipeline-run.ts'
import { customRunObject, pipelineRunObject, present, tokenTask } from './objects.ts'

type Values = Readonly<Record<string, unknown>>

const list = (values: Values) => Object.entries(values).map(([name, value]) => ({ name, value }))

/** Differences of a CustomRun with `actual` params whose pipeline task says `said`. */
function differences(said: Values, actual: Values, more: { task?: object; run?: object; customRun?: object } = {}) {
  const task = { ...tokenTask, params: list(said), ...more.task }
  const pipelineRun = pipelineRunObject({ spec: more.run ?? {}, status: { pipelineSpec: { tasks: [task] } } })
  const customRun = customRunObject({ spec: { params: list(actual), ...more.customRun } })
  return sameSpec(present(parseCustomRun(customRun)), present(parsePipelineRun(pipelineRun)))
}

describe('sameSpec', () => {
  it.each<[string, Values, Values]>([
    ['no params', {}, {}],
    ['equal texts', { audience: 'a' }, { audience: 'a' }],
    ['equal arrays', { scope: ['a', 'b'] }, { scope: ['a', 'b'] }],
    ['equal objects', { odd: { a: 'b' } }, { odd: { a: 'b' } }],
    ['a result', { audience: '$(tasks.x.results.y)' }, { audience: 'https://any.example' }],
    ['a result that became a list', { scope: '$(tasks.x.results.y)' }, { scope: ['a', 'b'] }],
    ['a list result', { scope: ['$(tasks.x.results.y[*])'] }, { scope: ['a', 'b', 'c'] }],
    ['a result between literals', { scope: 'deploy:$(tasks.x.results.y):now' }, { scope: 'deploy:staging:now' }],
    ['two results', { scope: 'a-$(tasks.x.results.y)-b-$(tasks.x.results.z)' }, { scope: 'a-1-b-2' }],
    ['the retries context', { ttl: '$(context.pipelineTask.retries)' }, { ttl: '0' }],
    [
      'the run context',
      { audience: 'urn:$(context.pipelineRun.uid)' },
      { audience: 'urn:11111111-1111-4111-8111-111111111111' },
    ],
  ])('takes %s as the same', (_, said, actual) => {
    expect(differences(said, actual)).toEqual([])
  })

  it.each<[string, Values, Values, string]>([
    ['another text', { audience: 'a' }, { audience: 'b' }, 'spec.params.audience'],
    ['a longer array', { scope: ['a'] }, { scope: ['a', 'b'] }, 'spec.params.scope'],
    ['a shorter array', { scope: ['a', 'b'] }, { scope: ['a'] }, 'spec.params.scope'],
    ['another order', { scope: ['a', 'b'] }, { scope: ['b', 'a'] }, 'spec.params.scope'],
    ['another type', { scope: 'a' }, { scope: ['a'] }, 'spec.params.scope'],
    ['an object for an array', { scope: ['a'] }, { scope: { 0: 'a' } }, 'spec.params.scope'],
    ['another member', { odd: { a: 'b' } }, { odd: { a: 'c' } }, 'spec.params.odd'],
    ['an added param', {}, { audience: 'a' }, 'spec.params.audience'],
    ['a missing param', { audience: 'a' }, {}, 'spec.params.audience'],
    [
      'other literals around a result',
      { scope: 'deploy:$(tasks.x.results.y)' },
      { scope: 'admin:all' },
      'spec.params.scope',
    ],
    ['overlapping literals', { scope: 'ab$(tasks.x.results.y)bc' }, { scope: 'abc' }, 'spec.params.scope'],
    [
      'a missing middle',
      { scope: '$(tasks.x.results.y)-b-$(tasks.x.results.z)' },
      { scope: 'a-c' },
      'spec.params.scope',
    ],
  ])('reports %s', (_, said, actual, path) => {
    expect(differences(said, actual)).toEqual([path])
  })

  it('substitutes what Tekton left of params, the run before the defaults', () => {
    const run = {
      params: [
        { name: 'env', value: 'staging' },
        { name: 'all', value: ['x', 'y'] },
      ],
    }
    const task = {
      params: list({ audience: 'https://$(params.env).example', scope: ['$(params.all[*])', '$(params["all"][1])'] }),
    }

    expect(differences({}, { audience: 'https://staging.example', scope: ['x', 'y', 'y'] }, { run, task })).toEqual([])
  })

  it.each([
    [{ name: 'other' }, 'spec.customRef.name'],
    [{ kind: 'Other' }, 'spec.customRef.kind'],
    [{ apiVersion: 'tokenbroker.dev/v9' }, 'spec.customRef.apiVersion'],
  ])('reports another reference %o', (ref, path) => {
    expect(differences({}, {}, { customRun: { customRef: { ...tokenTask.taskRef, ...ref } } })).toEqual([path])
  })

  it('reports an embedded spec where the pipeline has a reference', () => {
    const customRun = { customRef: undefined, customSpec: tokenTask.taskRef }

    expect(differences({}, {}, { customRun })).toEqual(['spec.customRef'])
  })

  it('reports another ServiceAccount', () => {
    expect(differences({}, {}, { customRun: { serviceAccountName: 'admin' } })).toEqual(['spec.serviceAccountName'])
  })

  it('expects the ServiceAccount of taskRunSpecs', () => {
    const run = { taskRunSpecs: [{ pipelineTaskName: 'token', serviceAccountName: 'asker' }] }

    expect(differences({}, {}, { run, customRun: { serviceAccountName: 'asker' } })).toEqual([])
    expect(differences({}, {}, { run })).toEqual(['spec.serviceAccountName'])
  })

  it('takes one value of the matrix and no other', () => {
    const task = { matrix: { params: list({ audience: ['a', 'b'] }), include: [{ params: list({ ttl: '5m' }) }] } }

    expect(differences({}, { audience: 'b', ttl: '5m' }, { task })).toEqual([])
    expect(differences({}, { audience: 'c' }, { task })).toEqual(['spec.params.audience'])
  })

  it('reports a CustomRun that the PipelineRun does not own', () => {
    const stranger = customRunObject({ metadata: { ownerReferences: [] } })

    expect(sameSpec(present(parseCustomRun(stranger)), present(parsePipelineRun(pipelineRunObject())))).toEqual([
      'metadata.ownerReferences',
    ])
  })

  it.each([
    ['is not among the children', { childReferences: [] }],
    ['is the child of no task', { pipelineSpec: { tasks: [] } }],
    ['has no resolved pipeline yet', { pipelineSpec: undefined }],
  ])('reports a CustomRun that %s', (_, status) => {
    const pipelineRun = present(parsePipelineRun(pipelineRunObject({ status })))

    expect(sameSpec(present(parseCustomRun(customRunObject())), pipelineRun)).toEqual(['metadata.name'])
  })
})
