import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createSharedDeadline, withDeadline } from '../../../core/io/deadline.ts'

/** Never ends by itself. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

describe('withDeadline', () => {
  it('aborts the operation with a TimeoutError when time is up', async () => {
    const ended = withDeadline(1, new AbortController().signal, untilAborted)

    await expect(ended).rejects.toMatchObject({ name: 'TimeoutError' })
  })

  it('passes the reason of the outer signal on', async () => {
    const outer = new AbortController()
    const ended = withDeadline(60_000, outer.signal, untilAborted)

    outer.abort(new RangeError('enough'))

    await expect(ended).rejects.toBeInstanceOf(RangeError)
  })

  it('does not begin under a signal that is aborted already', async () => {
    let began = false

    const ended = withDeadline(60_000, AbortSignal.abort(new RangeError('before')), async () => {
      began = true
    })

    await expect(ended).rejects.toBeInstanceOf(RangeError)
    expect(began).toBe(false)
  })

  it('leaves no listener behind', async () => {
    const outer = new AbortController()

    await withDeadline(60_000, outer.signal, async () => 1)
    await withDeadline(60_000, outer.signal, async () => Promise.reject(new Error('no'))).catch(() => undefined)

    expect(getEventListeners(outer.signal, 'abort')).toEqual([])
  })
})

describe('createSharedDeadline', () => {
  it('gives what begins in one slice of time one signal, and what comes later another', () => {
    let nowMs = 1000
    const deadline = createSharedDeadline(10_000, () => nowMs)

    const first = deadline()
    nowMs += 249
    const second = deadline()
    nowMs += 1
    const third = deadline()

    expect(second).toBe(first)
    expect(third).not.toBe(first)
    expect([first.aborted, third.aborted]).toEqual([false, false])
  })

  it('aborts with a TimeoutError', async () => {
    const signal = createSharedDeadline(10)()

    await new Promise((resolve) => signal.addEventListener('abort', resolve))

    expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
  })
})
