import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { resolveInto, tasksAfter, tasksBehind } from '../../../core/tekton/into.ts'
import { type PipelineSpec, pipelineSpec } from '../../../core/tekton/pipeline-spec.ts'
import type { TokenExchangeParams } from '../../../core/tekton/token-exchange-params.ts'
import { tokenTask } from './objects.ts'

const build = { name: 'build', taskRef: { name: 'build' } }
const deploy = { name: 'deploy', runAfter: ['token'], taskRef: { kind: 'Task', name: 'rollout' } }
const smoke = { name: 'smoke', runAfter: ['deploy'], taskRef: { name: 'smoke' } }
const notify = { name: 'notify', taskRef: { name: 'notify' } }
const gate = {
  name: 'gate',
  runAfter: ['token'],
  taskRef: { apiVersion: 'openshift-pipelines.org/v1alpha1', kind: 'ApprovalTask' },
}
const child = { name: 'child', runAfter: ['token'], pipelineSpec: { tasks: [] } }

function pipeline(tasks: readonly object[], last: readonly object[] = []): PipelineSpec {
  return pipelineSpec.parse({ tasks: [tokenTask, ...tasks], finally: last })
}

const params: TokenExchangeParams = {
  policies: ['deploy-staging'],
  audience: undefined,
  scopes: undefined,
  into: undefined,
  steps: undefined,
  as: undefined,
  ttlSeconds: undefined,
  deliver: 'sidecar',
  isDryRun: false,
}

const uses = '$(tasks.token.results.authorization-id)'

describe('tasksBehind', () => {
  it.each([
    ['runAfter', { runAfter: ['token'] }],
    ['a param', { params: [{ name: 'a', value: uses }] }],
    ['an array param', { params: [{ name: 'a', value: ['x', `y${uses}`] }] }],
    ['an object param', { params: [{ name: 'a', value: { k: uses } }] }],
    ['when', { when: [{ input: uses, operator: 'in', values: ['a'] }] }],
    ['CEL when', { when: [{ cel: `'${uses}' == 'a'` }] }],
    ['the matrix', { matrix: { params: [{ name: 'a', value: [uses] }] } }],
    ['an included matrix row', { matrix: { include: [{ params: [{ name: 'a', value: uses }] }] } }],
    ['a step of an embedded spec', { taskSpec: { steps: [{ script: `echo ${uses}` }] } }],
    ['an element of a result', { params: [{ name: 'a', value: '$(tasks.token.results.list[0])' }] }],
  ])('finds a task that depends by %s', (_, fields) => {
    expect(tasksBehind(pipeline([build, { name: 'next', ...fields }]), 'token')).toEqual(['next'])
  })

  it.each([
    ['another task', '$(tasks.build.results.image)'],
    ['the status of the task', '$(tasks.token.status)'],
    ['a text that only looks so', 'tasks.token.results.x'],
  ])('finds nothing for %s', (_, value) => {
    expect(tasksBehind(pipeline([build, { name: 'next', params: [{ name: 'a', value }] }]), 'token')).toEqual([])
  })
})

describe('tasksAfter', () => {
  it('follows dependants of dependants and adds finally', () => {
    expect([...tasksAfter(pipeline([build, deploy, smoke], [notify]), 'token')].sort()).toEqual([
      'deploy',
      'notify',
      'smoke',
    ])
  })

  it('finds nothing behind a task of finally', () => {
    const spec = pipelineSpec.parse({ tasks: [build], finally: [tokenTask, notify] })

    expect([...tasksAfter(spec, 'token')]).toEqual([])
  })

  it('holds every direct dependant, for any pipeline', () => {
    const graph = fc.array(fc.array(fc.nat(9), { maxLength: 3 }), { minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(graph, (edges) => {
        const tasks = edges.map((after, i) => ({
          name: `t${i}`,
          runAfter: after.filter((j) => j < i).map((j) => `t${j}`),
        }))
        const spec = pipelineSpec.parse({ tasks })
        const after = tasksAfter(spec, 't0')

        for (const name of tasksBehind(spec, 't0')) expect(after.has(name)).toBe(true)
        for (const name of after) for (const next of tasksBehind(spec, name)) expect(after.has(next)).toBe(true)
        expect(after.has('t0')).toBe(false)
      }),
    )
  })
})

describe('resolveInto', () => {
  it('defaults to the direct dependants that run pods', () => {
    expect(resolveInto(pipeline([build, deploy, smoke, gate, child]), 'token', params)).toEqual({
      ok: true,
      tasks: ['deploy'],
    })
  })

  it('takes any task that runs later, also of finally', () => {
    const into = ['smoke', 'notify']

    expect(resolveInto(pipeline([deploy, smoke], [notify]), 'token', { ...params, into })).toEqual({
      ok: true,
      tasks: ['notify', 'smoke'],
    })
  })

  it('puts the token nowhere for a gate', () => {
    expect(resolveInto(pipeline([build]), 'token', { ...params, deliver: 'none' })).toEqual({ ok: true, tasks: [] })
  })

  it.each([
    ['runs beside', ['build'], 'task build does not run after token: add runAfter: [token] to task build'],
    ['is the exchange itself', ['token'], 'task token does not run after token'],
    [
      'does not exist',
      ['nowhere'],
      'param into names nowhere, which is no task of the pipeline: its tasks are build, deploy',
    ],
    ['runs no pod', ['gate'], 'task gate is a custom task and runs no pod: leave it out of into'],
    ['is a pipeline', ['child'], 'put a TokenExchange task into that pipeline and leave it out of into'],
  ])('refuses a task that %s', (_, into, expected) => {
    const resolved = resolveInto(pipeline([build, deploy, gate, child]), 'token', { ...params, into })

    expect(resolved.ok ? '' : resolved.problems.join('; ')).toContain(expected)
  })

  describe('with steps that the pipeline itself holds', () => {
    const long = 'x'.repeat(60)
    const embedded = (names: readonly (string | undefined)[]) =>
      pipeline([{ ...deploy, taskRef: undefined, taskSpec: { steps: names.map((name) => ({ name })) } }])

    it.each([
      ['is there', ['one', 'two'], 'two', []],
      ['has no name', ['one', undefined], 'unnamed-1', []],
      ['is cut by Tekton', [long], long.slice(0, 58), []],
      ['has a name of params', ['$(params.name)'], 'two', []],
      ['is not there', ['one', 'two'], 'twoo', ['task deploy has no step twoo: its steps are one, two']],
      ['has no name of a step', ['one'], 'a.b', ['task deploy has no such step: its steps are one']],
    ])('judges a step that %s', (_, names, step, problems) => {
      const resolved = resolveInto(embedded(names), 'token', { ...params, steps: [{ task: 'deploy', step }] })

      expect(resolved.ok ? [] : resolved.problems).toEqual(problems)
    })

    it('leaves the steps of a referenced Task to the webhook', () => {
      const steps = [{ task: 'deploy', step: 'twoo' }]

      expect(resolveInto(pipeline([deploy]), 'token', { ...params, steps }).ok).toBe(true)
    })
  })

  it('refuses steps of a task that gets no token', () => {
    const steps = [{ task: 'build', step: 'compile' }]

    expect(resolveInto(pipeline([build, deploy]), 'token', { ...params, steps })).toEqual({
      ok: false,
      problems: ['param steps names task build, which gets no token: add it to into'],
    })
  })

  it('says what to add when nothing depends on the exchange', () => {
    expect(resolveInto(pipeline([build]), 'token', params)).toEqual({
      ok: false,
      problems: [
        'no task that runs a pod depends on token: add runAfter: [token] to the task that needs the token, or set param deliver to none',
      ],
    })
  })

  it('names the later tasks when only a custom task depends on the exchange', () => {
    const later = { name: 'later', runAfter: ['gate'] }
    const resolved = resolveInto(pipeline([gate, later]), 'token', params)

    expect(resolved.ok ? '' : resolved.problems.join('; ')).toContain('or name it in param into (later)')
  })
})
