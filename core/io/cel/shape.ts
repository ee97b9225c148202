import { maxExpressionText, maxListLength, maxMapEntries } from '../../policy/expression-variables.ts'
import { schemas } from './environment.ts'

/** How big a value can be: characters of a text, or elements of a list or map with the biggest of them. */
export interface Shape {
  readonly length: number
  readonly element?: Shape
  /** Of a variable, by name. */
  readonly fields?: ReadonlyMap<string, Shape>
}

export const scalar: Shape = { length: 1 }

const text: Shape = { length: maxExpressionText }

/** Work of going through a value once: ten characters cost as much as one step. */
export function weight({ length, element }: Shape): number {
  return element === undefined ? 1 + length / 10 : 1 + length * weight(element)
}

/** The bigger of two in every respect. */
export function bigger(a: Shape, b: Shape): Shape {
  const length = Math.max(a.length, b.length)
  const element = a.element && b.element ? bigger(a.element, b.element) : (a.element ?? b.element)
  return element === undefined ? { length } : { length, element }
}

/** What two make when they are joined. */
export function joined(a: Shape, b: Shape): Shape {
  return { ...bigger(a, b), length: a.length + b.length }
}

/** Greatest shapes of the variables; what is bigger at run time is not evaluated. */
export const variableShapes: ReadonlyMap<string, Shape> = new Map([
  ...Object.entries(schemas).map(([name, schema]) => [name, shapeOf(schema)] as const),
  ['event', { length: maxMapEntries, element: text }],
  ['agent', scalar],
])

type Schema = string | { readonly [field: string]: Schema }

function shapeOf(schema: Schema): Shape {
  if (schema === 'list<string>') return { length: maxListLength, element: text }
  if (schema === 'string') return text
  if (typeof schema === 'string') return scalar
  const fields = new Map(Object.entries(schema).map(([name, field]) => [name, shapeOf(field)]))
  return { length: fields.size, fields }
}
