import type { ASTNode } from '@marcbachmann/cel-js'
import { maxListLength } from '../../policy/expression-variables.ts'
import { ExpressionProblem } from './expression-problem.ts'
import { bigger, joined, type Shape, scalar, variableShapes, weight } from './shape.ts'
import { comprehensions, functions, type KnownFunction, methods } from './vocabulary.ts'

/** Steps that evaluating takes at most, and how big the value can be. */
interface Estimate {
  readonly cost: number
  readonly shape: Shape
}

/** Names that a comprehension defines, with what they can hold. */
type Scope = ReadonlyMap<string, Shape>

/**
 * Greatest cost of one evaluation, from the text alone. One step is about one visit of a node, or ten characters that
 * are looked at; every branch counts as taken to its end.
 *
 * @throws ExpressionProblem for what the language of policies leaves out
 */
export function expressionCost(ast: ASTNode): number {
  return Math.ceil(estimate(ast, new Map()).cost)
}

function estimate(node: ASTNode, scope: Scope): Estimate {
  switch (node.op) {
    case 'value':
      return literal(node)
    case 'id':
      return { cost: 1, shape: scope.get(node.args) ?? variableShapes.get(node.args) ?? scalar }
    case '.': {
      const { cost, shape } = estimate(node.args[0], scope)
      return { cost: cost + 1, shape: shape.fields?.get(node.args[1]) ?? shape.element ?? scalar }
    }
    case '[]': {
      const [of, index] = both(node.args, scope)
      return { cost: of.cost + index.cost + 1, shape: of.shape.element ?? biggestField(of.shape) }
    }
    case 'list':
      return list(node.args, scope)
    case 'map':
      throw new ExpressionProblem('map literals are not part of the language', node.start)
    case '?:':
      return ternary(node.args, scope)
    case '!_':
    case '-_':
      return { cost: estimate(node.args, scope).cost + 1, shape: scalar }
    case 'call':
      return call(node, scope)
    case 'rcall':
      return methodCall(node, scope)
    case '.?':
    case '[?]':
      throw new ExpressionProblem('optional access is not part of the language', node.start)
    default:
      return binary(node.op, node.args, scope)
  }
}

function literal({ args, start }: Extract<ASTNode, { op: 'value' }>): Estimate {
  if (args instanceof Uint8Array) throw new ExpressionProblem('bytes are not part of the language', start)
  return { cost: 0, shape: typeof args === 'string' ? { length: args.length } : scalar }
}

function both([left, right]: readonly [ASTNode, ASTNode], scope: Scope): readonly [Estimate, Estimate] {
  return [estimate(left, scope), estimate(right, scope)]
}

function biggestField({ fields }: Shape): Shape {
  return fields === undefined ? scalar : [...fields.values()].reduce(bigger, scalar)
}

function list(nodes: readonly ASTNode[], scope: Scope): Estimate {
  const elements = nodes.map((node) => estimate(node, scope))
  const cost = elements.reduce((sum, element) => sum + element.cost, 1)
  return { cost, shape: { length: nodes.length, element: elements.map(({ shape }) => shape).reduce(bigger, scalar) } }
}

function ternary([condition, yes, no]: readonly [ASTNode, ASTNode, ASTNode], scope: Scope): Estimate {
  const [a, b] = both([yes, no], scope)
  return { cost: estimate(condition, scope).cost + Math.max(a.cost, b.cost) + 1, shape: bigger(a.shape, b.shape) }
}

function binary(op: string, operands: readonly [ASTNode, ASTNode], scope: Scope): Estimate {
  const [left, right] = both(operands, scope)
  const cost = left.cost + right.cost + 1
  switch (op) {
    case '+':
      return { cost: cost + weight(left.shape) + weight(right.shape), shape: joined(left.shape, right.shape) }
    case 'in': {
      const { length, element = scalar } = right.shape
      return { cost: cost + length * (1 + Math.min(weight(left.shape), weight(element))), shape: scalar }
    }
    default:
      return { cost: cost + Math.min(weight(left.shape), weight(right.shape)), shape: scalar }
  }
}

function call({ args: [name, operands], start }: Extract<ASTNode, { op: 'call' }>, scope: Scope): Estimate {
  if (name === 'has') return { cost: operands.reduce((sum, one) => sum + estimate(one, scope).cost, 1), shape: scalar }
  const known = functions.get(name)
  if (known === undefined) throw unknownFunction(name, ['has', ...functions.keys()], start)
  return applied(
    known,
    operands.map((operand) => estimate(operand, scope)),
  )
}

function methodCall(node: Extract<ASTNode, { op: 'rcall' }>, scope: Scope): Estimate {
  const [name, receiver, operands] = node.args
  if (comprehensions.has(name)) return comprehension(node, scope)
  const known = methods.get(name)
  if (known === undefined) throw unknownFunction(name, [...methods.keys(), ...comprehensions], node.start)
  return applied(
    known,
    [receiver, ...operands].map((operand) => estimate(operand, scope)),
  )
}

function applied(known: KnownFunction, operands: readonly Estimate[]): Estimate {
  const shapes = operands.map(({ shape }) => shape)
  const cost = operands.reduce((sum, operand) => sum + operand.cost, known.cost(shapes))
  return { cost, shape: known.shape(shapes) }
}

function comprehension(node: Extract<ASTNode, { op: 'rcall' }>, scope: Scope): Estimate {
  const [name, receiver, operands] = node.args
  if (scope.size > 0) throw new ExpressionProblem(`${name} stands inside another one, and only one goes`, node.start)
  const range = estimate(receiver, scope)
  const { length, element = scalar } = range.shape
  if (length > maxListLength) {
    throw new ExpressionProblem(`${name} goes over more than ${maxListLength} elements`, node.start)
  }
  const [variable, ...bodies] = operands
  const inner = new Map([[variable?.op === 'id' ? variable.args : '', element]])
  const steps = bodies.map((body) => estimate(body, inner))
  const cost = range.cost + length * steps.reduce((sum, step) => sum + step.cost, 2)
  return { cost, shape: yielded(name, range.shape, steps.at(-1)?.shape ?? scalar) }
}

function yielded(name: string, range: Shape, step: Shape): Shape {
  if (name === 'filter') return range
  return name === 'map' ? { length: range.length, element: step } : scalar
}

function unknownFunction(name: string, known: readonly string[], at: number): ExpressionProblem {
  return new ExpressionProblem(`${name} is not part of the language, which has ${known.join(', ')}`, at)
}
