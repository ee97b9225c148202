import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLiveRuns, type LiveRuns } from '../../../broker/audit/live-runs.ts'

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000)
const key = (name: string, cluster = 'main') => `${cluster}/payments/PipelineRun/${name}/u`
const names = (live: LiveRuns, after = 0, limit = 100) =>
  live.after(after, 'main', limit).map(({ run }) => run.split('/')[2])

describe('createLiveRuns', () => {
  it('lists the runs of one cluster, each once, in the order in which they came', () => {
    const live = createLiveRuns()
    live.holds(key('a'), at(1))
    live.holds(key('x', 'mainland'), at(1))
    live.holds(key('b'), at(1))
    live.holds(key('a'), at(9))

    expect(live.after(0, 'main', 100)).toEqual([
      { run: 'payments/PipelineRun/a/u', number: 1 },
      { run: 'payments/PipelineRun/b/u', number: 3 },
    ])
  })

  it('forgets a run when it ends, and when the last of what it held has expired', () => {
    const live = createLiveRuns()
    for (const name of ['a', 'b', 'c']) live.holds(key(name), at(5))
    live.holds(key('b'), at(7))
    live.ended(key('a'))
    live.sweep(at(5))

    expect(names(live)).toEqual(['b'])
  })

  it('shows a run that comes back as a new one', () => {
    const live = createLiveRuns()
    live.holds(key('a'), at(1))
    const [first] = live.after(0, 'main', 1)
    live.sweep(at(1))
    live.holds(key('a'), at(3))

    expect(names(live, first?.number)).toEqual(['a'])
  })

  it('shows every run exactly once to whoever follows, however they come and however they are read', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('hold' as const), name: fc.integer({ min: 0, max: 9 }) }),
      fc.record({ kind: fc.constant('read' as const), limit: fc.integer({ min: 1, max: 3 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const live = createLiveRuns()
        const held = new Set<string>()
        const seen: string[] = []
        let after = 0
        const read = (limit: number) => {
          const page = live.after(after, 'main', limit)
          after = page.at(-1)?.number ?? after
          seen.push(...page.map(({ run }) => run))
          return page.length
        }
        for (const one of steps) {
          if (one.kind === 'read') read(one.limit)
          else {
            live.holds(key(`r${one.name}`), at(1))
            held.add(`payments/PipelineRun/r${one.name}/u`)
          }
        }
        while (read(2) > 0);

        expect(seen.toSorted()).toEqual([...held].toSorted())
      }),
    )
  })
})
