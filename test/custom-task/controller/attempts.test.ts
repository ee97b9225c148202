import { describe, expect, it } from 'vitest'
import { createAttempts } from '../../../custom-task/controller/attempts.ts'
import type { OurRun } from '../../../custom-task/controller/our-run.ts'
import { authorized, goesOn, later, now, observe, pending, unavailable } from './observation.ts'

const runOf = (status?: object): OurRun => ({
  customRun: observe({ customRun: status === undefined ? {} : { status } }).customRun,
  resourceVersion: '1',
  specHash: 'h1',
})

function scene() {
  let time = now
  const attempts = createAttempts({ clock: () => time, random: () => 1 })
  return { attempts, at: (ms: number) => (time = later(ms)) }
}

describe('Attempts', () => {
  it('begins an attempt at first sight, and anew with each retry', () => {
    const { attempts, at } = scene()
    attempts.current(runOf())
    at(5000)

    const retried = runOf(goesOn('Retrying', { retriesStatus: [{}] }))

    expect(attempts.current(runOf()).firstSeenAt).toEqual(now)
    expect(attempts.current(retried).firstSeenAt).toEqual(later(5000))
  })

  it.each([
    ['the interval of an approval', [pending], 5000],
    ['the wish of the broker', [{ ...unavailable, retryAfterSeconds: 40 }], 40_000],
    ['the longest of several', [pending, { ...unavailable, retryAfterSeconds: 2 }, authorized], 5000],
  ])('asks again after %s', (_, answers, ms) => {
    const { attempts } = scene()
    attempts.answered(runOf(), answers)

    expect(attempts.current(runOf()).nextAskAt).toEqual(later(ms))
  })

  it('waits longer each time that the broker is away, up to half a minute', () => {
    const { attempts } = scene()
    const waits = Array.from({ length: 7 }, () => {
      attempts.answered(runOf(), [unavailable])
      return (attempts.current(runOf()).nextAskAt?.getTime() ?? 0) - now.getTime()
    })

    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  })

  it('asks at once when what people say is there, and is not hurried by it otherwise', () => {
    const { attempts } = scene()
    const { uid } = runOf().customRun.metadata
    attempts.answered(runOf(), [pending])
    attempts.wake(uid)
    expect(attempts.current(runOf()).nextAskAt).toBeUndefined()

    attempts.answered(runOf(), [unavailable])
    attempts.wake(uid)
    expect(attempts.current(runOf()).nextAskAt).toEqual(later(1000))
  })

  it('forgets', () => {
    const { attempts } = scene()
    attempts.answered(runOf(), [authorized])
    attempts.forget(runOf().customRun.metadata.uid)

    expect(attempts.current(runOf()).answers).toBeUndefined()
  })
})
