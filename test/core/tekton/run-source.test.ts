import { describe, expect, it } from 'vitest'
import { hasPodTemplate, parsePipelineRun } from '../../../core/tekton/pipeline-run.ts'
import { reachesIntoSteps } from '../../../core/tekton/provenance.ts'
import { pipelineSource, taskSource } from '../../../core/tekton/run-source.ts'
import { parseTaskRun } from '../../../core/tekton/task-run.ts'
import { triggerClaim } from '../../../core/tekton/trigger.ts'
import { pipelineRunObject, present, taskRunObject } from './objects.ts'

const uri = 'git+https://github.com/acme/pipelines.git'
const refSource = { uri, digest: { sha1: 'abc' }, entryPoint: 'release.yaml' }
const ref = (revision: string) => ({
  resolver: 'git',
  params: [
    { name: 'url', value: 'https://github.com/acme/pipelines.git' },
    { name: 'revision', value: revision },
  ],
})

const runOf = (spec: object, status: object = { provenance: { refSource } }) =>
  present(parsePipelineRun(pipelineRunObject({ spec, status })))
const taskRunOf = (spec: object, status: object = {}) => present(parseTaskRun(taskRunObject({ spec, status })))

describe('pipelineSource', () => {
  it('is what the run asked for and Tekton fetched', () => {
    expect(pipelineSource(runOf({ pipelineRef: ref('main') })).source).toMatchObject({ uri, revision: 'main' })
  })

  it('knows the revision that a param of the run names', () => {
    const params = [{ name: 'branch', value: 'evil' }]

    expect(pipelineSource(runOf({ pipelineRef: ref('$(params.branch)'), params })).source?.revision).toBe('evil')
  })

  it.each([
    ['a param that only the fetched pipeline has a default for', '$(params.branch)'],
    ['the name of the Pipeline, which is none yet', 'ma$(context.pipeline.name)'],
    ['a count of retries, which no reference has', '$(context.pipelineTask.retries)'],
  ])('knows no revision by %s: Git may have a branch of just that name', (_what, revision) => {
    const metadata = { labels: { 'tekton.dev/pipeline': 'in' } }
    const status = {
      pipelineSpec: { tasks: [], params: [{ name: 'branch', default: 'main' }] },
      provenance: { refSource },
    }
    const run = present(parsePipelineRun(pipelineRunObject({ metadata, spec: { pipelineRef: ref(revision) }, status })))

    expect(['main', '0']).not.toContain(pipelineSource(run).source?.revision)
  })

  it.each([
    ['a Pipeline of the cluster', { pipelineRef: { name: 'release' } }],
    ['an embedded pipeline', { pipelineRef: undefined, pipelineSpec: {} }],
  ])('is none for %s, whatever the status says', (_what, spec) => {
    expect(pipelineSource(runOf(spec))).toMatchObject({ kind: 'local' })
  })

  it.each([
    [
      'params',
      { pipelineRef: { resolver: 'git', params: 'main' } },
      { provenance: { refSource } },
      { uri, revision: undefined },
    ],
    ['provenance', { pipelineRef: ref('main') }, { provenance: 'forged' }, undefined],
  ])('reads a run with %s of another form', (_what, spec, status, source) => {
    const found = pipelineSource(runOf(spec, status)).source

    expect(found === undefined ? undefined : { uri: found.uri, revision: found.revision }).toEqual(source)
  })
})

describe('taskSource', () => {
  const pipeline = pipelineSource(runOf({ pipelineRef: ref('main') }))

  it('of a task that is written in the pipeline is the source of the pipeline', () => {
    expect(taskSource(taskRunOf({ taskRef: undefined, taskSpec: { steps: [] } }), pipeline)).toBe(pipeline)
  })

  it('of a task from a repository is that repository', () => {
    const taskRun = taskRunOf({ taskRef: ref('v1') }, { provenance: { refSource } })

    expect(taskSource(taskRun, undefined).source).toMatchObject({ uri, revision: 'v1' })
  })

  it('of a Task of the namespace is none, in a trusted pipeline too', () => {
    expect(
      taskSource(taskRunOf({ taskRef: { name: 'rollout' } }, { provenance: { refSource } }), pipeline),
    ).toMatchObject({ kind: 'local' })
  })

  it('of a text in a TaskRun that stands alone is none', () => {
    expect(taskSource(taskRunOf({ taskRef: undefined, taskSpec: { steps: [] } }), undefined)).toMatchObject({
      kind: 'local',
    })
  })

  it('is none where a step is a StepAction of the namespace', () => {
    const taskRun = taskRunOf({ taskRef: undefined, taskSpec: { steps: [{ name: 'x', ref: { name: 'evil' } }] } })

    expect(taskSource(taskRun, pipeline)).toMatchObject({ kind: 'unknown' })
  })

  it.each([
    [`${uri}/`, 'found'],
    ['git+https://github.com/acme/pipelines', 'found'],
    ['git+https://github.com/evil/actions', 'unknown'],
  ])('with a StepAction from %s is %s', (from, kind) => {
    const steps = [{ name: 'x', ref: { resolver: 'git' } }]
    const status = {
      steps: [
        { name: 'x', provenance: { refSource: { uri: from } } },
        { name: 'y', provenance: {} },
      ],
    }

    expect(taskSource(taskRunOf({ taskRef: undefined, taskSpec: { steps } }, status), pipeline).kind).toBe(kind)
  })
})

describe('reachesIntoSteps', () => {
  it.each([
    [[], false],
    [['nodeSelector', 'tolerations', 'affinity', 'priorityClassName', 'imagePullSecrets'], false],
    [['env'], true],
    [['nodeSelector', 'hostAliases'], true],
    [['anything new'], true],
  ])('of %j is %s', (fields, expected) => {
    expect(reachesIntoSteps(fields)).toBe(expected)
  })
})

describe('hasPodTemplate', () => {
  const env = { env: [{ name: 'HTTPS_PROXY', value: 'http://evil.example' }] }

  it.each<[string, object, boolean]>([
    ['none', {}, false],
    ['one for every task', { taskRunTemplate: { podTemplate: env } }, true],
    ['one for the task', { taskRunSpecs: [{ pipelineTaskName: 'deploy', podTemplate: env }] }, true],
    ['one for another task', { taskRunSpecs: [{ pipelineTaskName: 'test', podTemplate: env }] }, false],
    ['one that is only about nodes', { taskRunTemplate: { podTemplate: { nodeSelector: { a: 'b' } } } }, false],
    ['one that nobody can read', { taskRunTemplate: { podTemplate: 'env' } }, true],
  ])('sees %s', (_what, spec, expected) => {
    expect(hasPodTemplate(runOf(spec), ['deploy'])).toBe(expected)
  })
})

describe('triggerClaim', () => {
  it('is what the labels say', () => {
    const labels = {
      'triggers.tekton.dev/eventlistener': 'github',
      'triggers.tekton.dev/trigger': 'push',
      'triggers.tekton.dev/triggers-eventid': 'e1',
    }

    expect(triggerClaim(labels)).toEqual({ eventListener: 'github', trigger: 'push', eventId: 'e1' })
    expect(triggerClaim({ 'triggers.tekton.dev/trigger': 'push' })).toMatchObject({ trigger: 'push', eventId: '' })
    expect(triggerClaim({ app: 'x' })).toBeUndefined()
    expect(triggerClaim(undefined)).toBeUndefined()
  })
})
