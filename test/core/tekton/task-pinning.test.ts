import { describe, expect, it } from 'vitest'
import { parsePipelineRun } from '../../../core/tekton/pipeline-run.ts'
import { sameTask } from '../../../core/tekton/task-pinning.ts'
import { parseTaskRun } from '../../../core/tekton/task-run.ts'
import { pipelineRunObject, present, taskRunObject } from './objects.ts'

/** Differences of a TaskRun with what its pipeline says of the task `deploy`. */
function differences(task: object, taskRun: object, run: object = {}) {
  const pipelineSpec = { tasks: [{ name: 'deploy', ...task }], params: [{ name: 'env', default: 'staging' }] }
  const pipelineRun = pipelineRunObject({ spec: run, status: { pipelineSpec } })
  return sameTask(
    present(parseTaskRun(taskRunObject({ spec: taskRun }))),
    present(parsePipelineRun(pipelineRun)),
    'deploy',
  )
}

const rollout = { kind: 'Task', name: 'rollout' }
const git = (revision: string) => ({
  resolver: 'git',
  params: [
    { name: 'url', value: 'https://github.com/acme/tasks' },
    { name: 'revision', value: revision },
  ],
})
const step = { name: 'run', image: 'curlimages/curl', script: 'curl https://deploy.example.com' }
const own = { taskRef: undefined, serviceAccountName: 'deployer' }

describe('sameTask', () => {
  it.each<[string, object, object]>([
    ['a Task of the namespace', { taskRef: rollout }, { taskRef: rollout }],
    ['a kind that Tekton defaulted', { taskRef: { name: 'rollout' } }, { taskRef: rollout }],
    ['a Task from a repository', { taskRef: git('main') }, { taskRef: git('main') }],
    ['a result as the name of the Task', { taskRef: { name: '$(tasks.x.results.y)' } }, { taskRef: { name: 'any' } }],
    ['an embedded task', { taskSpec: { steps: [step] } }, { taskSpec: { steps: [step] } }],
    [
      'what Go leaves out where it is empty',
      { taskSpec: { steps: [{ ...step, args: [], command: null }] } },
      { taskSpec: { steps: [step] } },
    ],
    [
      'results in an embedded task',
      { taskSpec: { steps: [{ ...step, script: 'echo $(tasks.x.results.y)', args: ['$(tasks.x.results.z[*])'] }] } },
      { taskSpec: { steps: [{ ...step, script: 'echo hello', args: ['a', 'b'] }] } },
    ],
    [
      'a param of the pipeline that Tekton left',
      { taskSpec: { steps: [{ ...step, env: [{ name: 'ENV', value: '$(params.env)' }] }] } },
      { taskSpec: { steps: [{ ...step, env: [{ name: 'ENV', value: 'staging' }] }] } },
    ],
    [
      'a param that the task declares itself',
      { taskSpec: { steps: [{ ...step, args: ['$(params.env)'] }] } },
      { taskSpec: { steps: [{ ...step, args: ['$(params.env)'] }] } },
    ],
    [
      'params, one of the matrix',
      {
        taskRef: rollout,
        params: [{ name: 'env', value: '$(params.env)' }],
        matrix: { params: [{ name: 'zone', value: ['a', 'b'] }] },
      },
      {
        taskRef: rollout,
        params: [
          { name: 'env', value: 'staging' },
          { name: 'zone', value: 'b' },
        ],
      },
    ],
  ])('takes %s as the same', (_what, task, taskRun) => {
    expect(differences(task, { ...own, ...taskRun })).toEqual([])
  })

  it.each<[string, object, object, readonly string[]]>([
    ['another Task', { taskRef: rollout }, { taskRef: { name: 'evil' } }, ['spec.taskRef.name']],
    ['a cluster task', { taskRef: rollout }, { taskRef: { kind: 'Other', name: 'rollout' } }, ['spec.taskRef.kind']],
    ['another revision', { taskRef: git('main') }, { taskRef: git('evil') }, ['spec.taskRef.params.revision']],
    [
      'another resolver',
      { taskRef: git('main') },
      { taskRef: { ...git('main'), resolver: 'http' } },
      ['spec.taskRef.resolver'],
    ],
    [
      'a text in place of a reference',
      { taskRef: rollout },
      { taskSpec: { steps: [step] } },
      ['spec.taskRef', 'spec.taskSpec.steps'],
    ],
    [
      'a reference in place of a text',
      { taskSpec: { steps: [step] } },
      { taskRef: rollout },
      ['spec.taskRef', 'spec.taskSpec.steps'],
    ],
    ['one step more', { taskSpec: { steps: [step] } }, { taskSpec: { steps: [step, step] } }, ['spec.taskSpec.steps']],
    [
      'an added param',
      { taskRef: rollout },
      { taskRef: rollout, params: [{ name: 'x', value: 'y' }] },
      ['spec.params.x'],
    ],
    [
      'another account',
      { taskRef: rollout },
      { taskRef: rollout, serviceAccountName: 'admin' },
      ['spec.serviceAccountName'],
    ],
  ])('reports %s', (_what, task, taskRun, paths) => {
    expect(differences(task, { ...own, ...taskRun })).toEqual(paths)
  })

  it.each([
    ['image', { image: 'evil' }],
    ['script', { script: 'curl https://evil.example' }],
    ['script', { script: 7 }],
    ['command', { command: ['sh'] }],
    ['args', { args: ['-x'] }],
    ['env', { env: [{ name: 'LD_PRELOAD', value: '/workspace/evil.so' }] }],
    ['ref', { ref: { name: 'evil' } }],
  ])('reports another %s of an embedded step', (part, changes) => {
    const taskSpec = { steps: [{ ...step, ...changes }] }

    expect(differences({ taskSpec: { steps: [step] } }, { ...own, taskSpec })).toEqual([
      `spec.taskSpec.steps[0].${part}`,
    ])
  })

  it('takes the account that the run gives the task', () => {
    const taskRunSpecs = [{ pipelineTaskName: 'deploy', serviceAccountName: 'rollout-bot' }]
    const taskRun = { taskRef: rollout, serviceAccountName: 'rollout-bot' }

    expect(differences({ taskRef: rollout }, taskRun, { taskRunSpecs })).toEqual([])
  })

  it('reports a pipeline that does not have the task', () => {
    const pipelineRun = present(parsePipelineRun(pipelineRunObject({ status: { pipelineSpec: { tasks: [] } } })))

    expect(sameTask(present(parseTaskRun(taskRunObject())), pipelineRun, 'deploy')).toEqual(['status.pipelineSpec'])
  })
})
