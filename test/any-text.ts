import fc, { type Arbitrary, type StringConstraints } from 'fast-check'

/** Every code point but the surrogates; small ones more often, as the borders of our alphabets are there. */
const codePoint = fc
  .oneof(
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 0x7f }) },
    { weight: 1, arbitrary: fc.integer({ min: 0x80, max: 0xd7ff }) },
    { weight: 1, arbitrary: fc.integer({ min: 0xe000, max: 0x10ffff }) },
  )
  .map((point) => String.fromCodePoint(point))

/**
 * Any well-formed text. fast-check's own `unit: 'binary'` lists all 1.1 million code points when it is made, for a
 * second of processor time, which is most of a test's time limit on a busy machine.
 */
export function anyText(constraints: Omit<StringConstraints, 'unit'> = {}): Arbitrary<string> {
  return fc.string({ ...constraints, unit: codePoint })
}
