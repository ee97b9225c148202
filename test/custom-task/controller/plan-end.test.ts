import { describe, expect, it } from 'vitest'
import { plan } from '../../../custom-task/controller/plan.ts'
import { goesOn, held, later, now, observe, run } from './observation.ts'

const done = goesOn('Authorized', {
  completionTime: '2026-01-01T00:00:01Z',
  conditions: [{ type: 'Succeeded', status: 'True', reason: 'Authorized' }],
})
const ended = { status: { completionTime: '2026-01-01T00:00:02Z' } }
const told = [{ kind: 'end-run', run }, { kind: 'release' }]

describe('planEnd', () => {
  it('leaves a done CustomRun alone while its run goes on', () => {
    expect(plan(observe({ customRun: { ...held, status: done } }), now)).toEqual([])
  })

  it('leaves a done CustomRun alone when somebody cancels it', () => {
    const customRun = { ...held, spec: { status: 'RunCancelled' }, status: done }

    expect(plan(observe({ customRun }), now)).toEqual([])
  })

  it.each([
    ['done', ended],
    ['failed', { status: { conditions: [{ type: 'Succeeded', status: 'False' }] } }],
    ['being deleted', { metadata: { deletionTimestamp: '2026-01-01T00:00:02Z' } }],
    ['gone', 'gone' as const],
  ])('tells the broker once the run is %s, then lets go', (_, pipelineRun) => {
    expect(plan(observe({ customRun: { ...held, status: done }, pipelineRun }), now)).toEqual(told)
  })

  it('has nothing left to do after it let go', () => {
    expect(plan(observe({ customRun: { status: done }, pipelineRun: ended }), now)).toEqual([])
  })

  it('asks nothing for a CustomRun that is being deleted', () => {
    const customRun = { metadata: { deletionTimestamp: '2026-01-01T00:00:02Z' } }

    expect(plan(observe({ customRun }), now)).toEqual([])
  })

  it('holds a deleted CustomRun until its run ends', () => {
    const customRun = { metadata: { ...held.metadata, deletionTimestamp: '2026-01-01T00:00:02Z' } }

    expect(plan(observe({ customRun }), now)).toEqual([])
    expect(plan(observe({ customRun, pipelineRun: 'gone' }), now)).toEqual(told)
  })

  it('lets go of a CustomRun without a run', () => {
    expect(plan(observe({ customRun: { ...held, status: done }, pipelineRun: 'none' }), now)).toEqual([
      { kind: 'release' },
    ])
  })

  it('stops telling after an hour, says so and lets go', () => {
    const scene = observe({ customRun: { ...held, status: done }, pipelineRun: ended })

    expect(plan(scene, later(3_600_000))).toEqual(told)
    expect(plan(scene, later(3_600_001))).toMatchObject([
      { kind: 'emit-event', type: 'Warning', reason: 'RunEndUntold' },
      { kind: 'release' },
    ])
  })
})
