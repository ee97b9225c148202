import { type Shape, scalar, weight } from './shape.ts'

/** A function of the language: how many steps a call takes, and how big what it yields can be. */
export interface KnownFunction {
  readonly cost: (operands: readonly Shape[]) => number
  readonly shape: (operands: readonly Shape[]) => Shape
}

type Cost = KnownFunction['cost']

const all: Cost = (operands) => operands.reduce((sum, operand) => sum + weight(operand), 1)
/** A comparison ends with the shorter text. */
const comparing: Cost = (operands) => 1 + Math.min(...operands.map(weight))
/** A search may try every place. */
const searching: Cost = (operands) => operands.reduce((product, operand) => product * weight(operand), 1)

const yieldsScalar = { cost: all, shape: () => scalar }
const compares = { cost: comparing, shape: () => scalar }
const searches = { cost: searching, shape: () => scalar }
const yieldsSameText = { cost: all, shape: ([receiver = scalar]: readonly Shape[]) => ({ length: receiver.length }) }

/** `f(x)`. */
export const functions: ReadonlyMap<string, KnownFunction> = new Map<string, KnownFunction>([
  ['size', yieldsScalar],
  ['string', { cost: all, shape: ([operand = scalar]) => ({ length: Math.max(operand.length, 32) }) }],
  ['int', yieldsScalar],
])

/**
 * `x.f(y)`. Not in it: `matches`, since a regular expression can take exponential time; what reads clocks, time zones or
 * JSON; and what binds names, since a value can then double in each step.
 */
export const methods: ReadonlyMap<string, KnownFunction> = new Map<string, KnownFunction>([
  ['size', yieldsScalar],
  ['startsWith', compares],
  ['endsWith', compares],
  ['contains', searches],
  ['indexOf', searches],
  ['lastIndexOf', searches],
  ['substring', yieldsSameText],
  ['lowerAscii', yieldsSameText],
  ['upperAscii', yieldsSameText],
  ['trim', yieldsSameText],
])

/** Macros that go over a list. */
export const comprehensions: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'filter', 'map'])
