import { describe, expect, it } from 'vitest'
import { parseGoDurationMs } from '../../../core/tekton/go-duration.ts'

describe('parseGoDurationMs', () => {
  it.each([
    ['1h0m0s', 3_600_000],
    ['90s', 90_000],
    ['1.5s', 1500],
    ['250ms', 250],
    ['1m0.5s', 60_500],
    ['0s', 0],
    ['0', 0],
    ['1500us', 1.5],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseGoDurationMs(text)).toBe(ms)
  })

  it.each(['', '5', '-1s', '1d', 's', '1 s', '1h ', `${'1'.repeat(400)}h`])('refuses %j', (text) => {
    expect(parseGoDurationMs(text)).toBeUndefined()
  })
})
