import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, parseDuration, parseSecondsOrDuration } from '../../core/duration.ts'

describe('parseDuration', () => {
  it.each([
    ['1s', 1],
    ['90s', 90],
    ['5m', 300],
    ['1h', 3600],
    ['1h30m', 5400],
    ['1h0m0s', 3600],
    ['05m', 300],
    ['1m1m', 120],
    ['1s1h', 3601],
    ['24h', 86_400],
    ['1h'.repeat(12), 43_200],
  ])('reads %s as %i seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds)
  })

  it.each([
    ['', 'nothing'],
    ['0s', 'nothing that passes'],
    ['0h0m0s', 'nothing that passes'],
    ['5', 'no unit'],
    ['m', 'no amount'],
    ['5M', 'an unknown unit'],
    ['5d', 'an unknown unit'],
    ['500ms', 'less than a second'],
    ['1.5h', 'a fraction'],
    ['-5m', 'a sign'],
    ['+5m', 'a sign'],
    ['5 m', 'a space'],
    [' 5m', 'a space'],
    ['5m ', 'a space'],
    ['5m\n', 'a newline'],
    ['1e3s', 'an exponent'],
    ['٥m', 'digits of another script'],
    ['9999999999999999999999h', 'more than is exact'],
    ['1s1s1s1s1s1s1s1s1s1s1s1s1s', 'over the length limit'],
  ])('refuses %j: %s', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  it('never yields anything but whole seconds above zero', () => {
    const almost = fc.stringMatching(/^[0-9hms.\- ]{0,26}$/)

    fc.assert(
      fc.property(almost, (text) => {
        const seconds = parseDuration(text)
        return seconds === undefined || (Number.isSafeInteger(seconds) && seconds > 0)
      }),
    )
  })
})

describe('parseSecondsOrDuration', () => {
  it.each([
    ['300', 300],
    ['1', 1],
    ['007', 7],
    ['999999999', 999_999_999],
    ['5m', 300],
    ['1h30m', 5400],
  ])('reads %s as %i seconds', (text, seconds) => {
    expect(parseSecondsOrDuration(text)).toBe(seconds)
  })

  it.each(['', '0', '000', '1000000000', '-1', '1.5', '1e3', '0x10', '300 ', 'five', '0s'])('refuses %j', (text) => {
    expect(parseSecondsOrDuration(text)).toBeUndefined()
  })
})

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [59, '59s'],
    [60, '1m0s'],
    [300, '5m0s'],
    [3600, '1h0m0s'],
    [5415, '1h30m15s'],
    [90_000, '25h0m0s'],
  ])('writes %i seconds as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text)
  })

  it('is read back as the same duration', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 10 ** 9 }), (s) => parseDuration(formatDuration(s)) === s))
  })
})
