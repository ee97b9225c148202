import { describe, expect, it } from 'vitest'
import { parsePod } from '../../../core/tekton/pod.ts'
import { podDifferences } from '../../../core/tekton/pod-images.ts'
import { parseTaskRun } from '../../../core/tekton/task-run.ts'
import { podObject, present, taskRunObject } from './objects.ts'

const task = {
  stepTemplate: { image: 'base:1' },
  steps: [{ name: 'build' }, { name: 'push', image: 'push:2' }],
  sidecars: [{ name: 'docker', image: 'dind:3' }],
}
const containers = [
  { name: 'step-build', image: 'base:1' },
  { name: 'step-push', image: 'push:2' },
]
const sidecar = { name: 'sidecar-docker', image: 'dind:3' }
const initContainers = [
  { name: 'prepare', image: 'entrypoint' },
  { name: 'tokenbroker', image: 'task' },
]
const whole = { containers: [...containers, sidecar], initContainers }

function differences(spec: object, { metadata = {}, taskSpec = task }: { metadata?: object; taskSpec?: unknown } = {}) {
  const pod = present(parsePod(podObject({ metadata, spec })))
  return podDifferences(pod, present(parseTaskRun(taskRunObject({ status: { taskSpec } }))))
}

describe('podDifferences', () => {
  it.each<[string, object, object?]>([
    ['steps, a sidecar, and the containers of others', whole],
    ['a native sidecar', { containers, initContainers: [...initContainers, sidecar] }],
    [
      'the sidecar that Tekton adds for results',
      { ...whole, containers: [...whole.containers, { name: 'sidecar-tekton-log-results', image: 'results' }] },
    ],
    ['a spec that nobody changed', whole, { generation: 1 }],
    ['an API server that does not count', whole, { generation: 0 }],
  ])('takes %s for the task', (_what, spec, metadata = {}) => {
    expect(differences(spec, { metadata })).toEqual([])
  })

  it.each<[string, object, string]>([
    [
      'another image of a step',
      { containers: [{ ...containers[0], image: 'evil' }, containers[1], sidecar] },
      'spec.containers',
    ],
    ['a step without image', { containers: [{ name: 'step-build' }, containers[1], sidecar] }, 'spec.containers'],
    ['a step too many', { containers: [...containers, { name: 'step-x', image: 'x' }, sidecar] }, 'spec.containers'],
    ['a step too few', { containers: [containers[0], sidecar] }, 'spec.containers'],
    ['another order', { containers: [containers[1], containers[0], sidecar] }, 'spec.containers'],
    ['another image of a sidecar', { containers: [...containers, { ...sidecar, image: 'evil' }] }, 'spec.sidecars'],
    [
      'an ephemeral container',
      { ephemeralContainers: [{ name: 'debugger', image: 'evil' }] },
      'spec.ephemeralContainers',
    ],
  ])('reports %s', (_what, changes, path) => {
    expect(differences({ ...whole, ...changes })).toEqual([path])
  })

  it('reports a spec that was changed after the pod was made', () => {
    expect(differences(whole, { metadata: { generation: 2 } })).toEqual(['metadata.generation'])
  })

  it.each([undefined, 'no task', { steps: [{ image: 7 }] }])('reports a TaskRun whose task is %j', (taskSpec) => {
    const pod = present(parsePod(podObject({ spec: whole })))
    const taskRun = present(parseTaskRun(taskRunObject({ status: { taskSpec } })))

    expect(podDifferences(pod, taskRun)).toEqual(['status.taskSpec'])
  })
})
