import type { ParamValue } from './fields.ts'

const result = /\$\(tasks\.[^()]*\)/g
const wholeResult = /^\$\(tasks\.[^()]*\)$/
const wholeArrayResult = /^\$\(tasks\.[^()]*\[\*\]\)$/

/** Whether a value holds a result of another task, which is not known before it is used. */
export function holdsResult(value: ParamValue): boolean {
  const texts = typeof value === 'string' ? [value] : Object.values(value)
  return texts.some((text) => text.search(result) >= 0)
}

/** Whether a value is what a pipeline says; a `$(tasks.…)` expression matches any text in its place. */
export function matchesValue(expected: ParamValue, actual: ParamValue): boolean {
  if (typeof expected === 'string') {
    // A result that is a list, or that Tekton reads as one, becomes a param of another type.
    return wholeResult.test(expected) || (typeof actual === 'string' && matchesText(expected, actual))
  }
  if (typeof actual === 'string' || Array.isArray(expected) !== Array.isArray(actual)) return false
  if (Object.values(expected).some((one) => wholeArrayResult.test(one))) return true
  const wanted = Object.entries(expected)
  const found = new Map(Object.entries(actual))
  return wanted.length === found.size && wanted.every(([key, one]) => matchesText(one, found.get(key)))
}

/** Literal parts in order, anything where a result stands. */
export function matchesText(expected: string, actual: string | undefined): boolean {
  if (actual === undefined) return false
  const [first = '', ...literals] = expected.split(result)
  const last = literals.pop()
  if (last === undefined) return expected === actual
  if (!actual.startsWith(first) || actual.length < first.length + last.length || !actual.endsWith(last)) return false
  let rest = actual.slice(first.length, actual.length - last.length)
  for (const literal of literals) {
    const at = rest.indexOf(literal)
    if (at < 0) return false
    rest = rest.slice(at + literal.length)
  }
  return true
}
