import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../../../core/audit/canonical-json.ts'
import { Secret } from '../../../core/secret.ts'

const json = fc.jsonValue({ noUnicodeString: false, maxDepth: 6 }).map((value) => JSON.parse(JSON.stringify(value)))
const recordable = json.filter((value) => isRecordable(value))

function isRecordable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && isRecordable(member))
}

function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(reversed)
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, member]) => [name, reversed(member)] as const)
      .reverse(),
  )
}

describe('canonicalJson', () => {
  it('writes the example of RFC 8785 §3.2.2 as §3.2.4 gives it', () => {
    const value = JSON.parse(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
        '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    )

    const text = canonicalJson(value, { allowsUnsafeIntegers: true })

    expect(text).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  it('sorts any number of names by UTF-16 code units', () => {
    const names = fc.uniqueArray(fc.string({ unit: 'grapheme' }), { maxLength: 80, size: 'max' })

    fc.assert(
      fc.property(names, (all) => {
        const text = canonicalJson(Object.fromEntries(all.map((name) => [name, 0])))
        expect(text).toBe(
          `{${all
            .toSorted()
            .map((name) => `${JSON.stringify(name)}:0`)
            .join(',')}}`,
        )
      }),
    )
  })

  it('sorts the names of RFC 8785 §3.2.3 by UTF-16 code units', () => {
    const value = {
      '€': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\u{1f600}': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      ö: 'Latin Small Letter O With Diaeresis',
    }

    const values = [...canonicalJson(value).matchAll(/:"([^"]+)"/g)].map(([, text]) => text)

    expect(values).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ])
  })

  // RFC 8785 appendix B: IEEE 754 bits and their text.
  it.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('writes the number %s as %s', (bits, text) => {
    const view = new DataView(new ArrayBuffer(8))
    view.setBigUint64(0, BigInt(`0x${bits}`))

    expect(canonicalJson(view.getFloat64(0), { allowsUnsafeIntegers: true })).toBe(text)
  })

  it.each([
    ['a lone surrogate', 'a\ud800b'],
    ['a lone surrogate in a name', { '\udc00': 1 }],
    ['NaN', Number.NaN],
    ['infinity', [Number.POSITIVE_INFINITY]],
    ['an integer that is not exact', 2 ** 53],
    ['undefined', undefined],
    ['undefined in an array', [undefined]],
    ['a hole in an array', new Array(1)],
    ['a bigint', 1n],
    ['a function', () => 1],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['a secret', { token: new Secret('hunter2') }],
  ])('refuses %s', (_, value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError)
  })

  it('refuses more than 32 levels, and so every cycle', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])
    const cycle: { self?: unknown } = {}
    cycle.self = cycle

    expect(canonicalJson(nested(32))).toHaveLength(65)
    expect(() => canonicalJson(nested(33))).toThrow(TypeError)
    expect(() => canonicalJson(cycle)).toThrow(TypeError)
  })

  it('leaves out members that are undefined', () => {
    expect(canonicalJson({ b: undefined, a: 1, c: undefined })).toBe('{"a":1}')
  })

  it('keeps a member named __proto__', () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":{"x":2}}'))).toBe('{"__proto__":{"x":2},"b":1}')
  })

  it('writes text that parses back to the same value', () => {
    fc.assert(
      fc.property(recordable, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(value)
      }),
    )
  })

  it('does not depend on the order of members', () => {
    fc.assert(
      fc.property(recordable, (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value))
      }),
    )
  })

  it('is a fixed point: canonical text parsed and written again is the same text', () => {
    fc.assert(
      fc.property(recordable, (value) => {
        const text = canonicalJson(value)
        expect(canonicalJson(JSON.parse(text))).toBe(text)
      }),
    )
  })

  it('escapes strings as RFC 8785 §3.2.2.2 says, for every code unit below the surrogates', () => {
    for (let unit = 0; unit < 0xd800; unit++) {
      const character = String.fromCharCode(unit)
      expect(canonicalJson(character)).toBe(JSON.stringify(character))
    }
  })
})
