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

function serialiseString(value: string): string {
  const text = JSON.stringify(value)
  // A lone surrogate is written as an escape, so only longer text needs the second look.
  if (text.length > value.length + 2 && !value.isWellFormed())
    throw new TypeError('canonical JSON has no lone surrogates')
  return text
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
  for (const name of sorted(Object.keys(object))) {
    const value = object[name]
    if (value === undefined) continue
    if (text.length > 1) text += ','
    text += serialiseName(name) + serialise(value, allowsUnsafeIntegers, depth)
  }
  return `${text}}`
}

/** More names than any of our objects has. */
const fewNames = 32

/**
 * By UTF-16 code units, which is how strings compare: exactly the order of RFC 8785 §3.2.3. Few names are sorted by
 * insertion, as the built-in sort leaves 10 KiB of garbage behind for each record.
 */
function sorted(names: string[]): readonly string[] {
  if (names.length > fewNames) return names.sort()
  for (let end = 1; end < names.length; end++) {
    const name = names[end] ?? ''
    let at = end
    for (let before = names[at - 1]; before !== undefined && before > name; before = names[at - 1]) names[at--] = before
    names[at] = name
  }
  return names
}
