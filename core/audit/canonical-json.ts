/** Deeper nesting is refused: nothing we record comes near it, and it bounds recursion. */
const maxDepth = 32

interface CanonicalOptions {
  /**
   * Integers beyond 2^53 - 1 are refused unless this is true, since other JSON readers see another number.
   * RFC 8785 itself allows them. Default false.
   */
  readonly allowsUnsafeIntegers?: boolean
}

/**
 * Serialises a plain JSON value so that equal values give equal text: members sorted by UTF-16 code units, no white
 * space, numbers and escapes as ECMAScript writes them. Members whose value is `undefined` are left out.
 *
 * @throws TypeError for anything that is not I-JSON: lone surrogates, non-finite numbers, class instances, depth over 32
 * @see RFC 8785
 */
export function canonicalJson(value: unknown, options: CanonicalOptions = {}): string {
  return serialise(value, options.allowsUnsafeIntegers === true, 0)
}

function serialise(value: unknown, allowsUnsafeIntegers: boolean, depth: number): string {
  if (typeof value === 'string') return serialiseString(value)
  if (typeof value === 'number') return serialiseNumber(value, allowsUnsafeIntegers)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value !== 'object') throw new TypeError(`canonical JSON has no ${typeof value}`)
  if (depth === maxDepth) throw new TypeError(`canonical JSON is nested deeper than ${maxDepth}`)
  return Array.isArray(value)
    ? serialiseArray(value, allowsUnsafeIntegers, depth + 1)
    : serialiseObject(value as Readonly<Record<string, unknown>>, allowsUnsafeIntegers, depth + 1)
}

/** Anything but printable ASCII without quote and backslash; the rest needs neither escape nor surrogate check. */
const needsCare = /[^ !#-[\]-~]/

function serialiseString(value: string): string {
  if (!needsCare.test(value)) return `"${value}"`
  if (!value.isWellFormed()) throw new TypeError('canonical JSON has no lone surrogates')
  return JSON.stringify(value)
}

/** Bounded, since a record that is verified may have any names. */
const maxKnownNames = 512
const knownNames = new Map<string, string>()

/** Names are the same in every record: remembering them saves a third of the whole. */
function serialiseName(name: string): string {
  const known = knownNames.get(name)
  if (known !== undefined) return known
  const text = `${serialiseString(name)}:`
  if (knownNames.size < maxKnownNames) knownNames.set(name, text)
  return text
}

function serialiseNumber(value: number, allowsUnsafeIntegers: boolean): string {
  if (!Number.isFinite(value)) throw new TypeError('canonical JSON has no infinite numbers and no NaN')
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && !allowsUnsafeIntegers) {
    throw new TypeError('the integer is too large to be exact in JSON')
  }
  return String(value)
}

function serialiseArray(values: readonly unknown[], allowsUnsafeIntegers: boolean, depth: number): string {
  let text = '['
  // By index, not iterator: holes must be refused, not skipped.
  for (let index = 0; index < values.length; index++) {
    if (index > 0) text += ','
    text += serialise(values[index], allowsUnsafeIntegers, depth)
  }
  return `${text}]`
}

function serialiseObject(
  object: Readonly<Record<string, unknown>>,
  allowsUnsafeIntegers: boolean,
  depth: number,
): string {
  const prototype: unknown = Object.getPrototypeOf(object)
  // A Date, a Map or a Secret here is a mistake of ours; toJSON would hide it.
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError('canonical JSON takes plain objects only')
  }
  let text = '{'
  // Without a comparator, sort() compares UTF-16 code units: exactly the order of RFC 8785 §3.2.3.
  for (const name of Object.keys(object).sort()) {
    const value = object[name]
    if (value === undefined) continue
    if (text.length > 1) text += ','
    text += serialiseName(name) + serialise(value, allowsUnsafeIntegers, depth)
  }
  return `${text}}`
}
