/** A schema as a CustomResourceDefinition has it; only what is looked at here. */
export interface Schema {
  readonly type: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema
  readonly required?: readonly string[]
  readonly [keyword: string]: unknown
}

/** A change of a good object that breaks one rule of its schema. */
export interface Violation {
  /** `spec.limits.maxTTL pattern`. */
  readonly title: string
  /** Where, as steps from the object. */
  readonly path: readonly (string | number)[]
  /** What is put there; undefined takes the field away. */
  readonly value: unknown
  /** What the API server says, beside the field. */
  readonly says: RegExp
}

/**
 * One violation for every rule that a schema states: a rule that is added later is tried too.
 *
 * @param sample a good object with every field that the schema knows
 * @throws Error that names a field which the sample lacks, or a keyword which nothing here can break
 */
export function violationsOf(
  schema: Schema,
  sample: unknown,
  path: readonly (string | number)[],
): readonly Violation[] {
  const name = pathName(path)
  if (sample === undefined) throw new Error(`the sample has no ${name}`)
  const own = Object.entries(schema).flatMap(([keyword, limit]) =>
    breakKeyword(keyword, limit, schema, sample).map(({ value, says, at = [] }) => ({
      title: [name, keyword, ...at].join(' '),
      path: [...path, ...at],
      value,
      says,
    })),
  )
  const fields = Object.entries(schema.properties ?? {}).flatMap(([field, inner]) =>
    violationsOf(inner, (sample as Record<string, unknown>)[field], [...path, field]),
  )
  const [member] = Object.keys(schema.additionalProperties === undefined ? {} : (sample as object))
  const members =
    schema.additionalProperties === undefined || member === undefined
      ? []
      : violationsOf(schema.additionalProperties, (sample as Record<string, unknown>)[member], [...path, member])
  const items = schema.items === undefined ? [] : violationsOf(schema.items, (sample as unknown[])[0], [...path, 0])
  return [...own, ...fields, ...members, ...items]
}

/** `spec.scopes[0]`. */
export function pathName(path: readonly (string | number)[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
}

/** A copy with another value in one place. */
export function changed(object: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return value
  const copy = (Array.isArray(object) ? [...object] : { ...(object as object) }) as Record<string | number, unknown>
  copy[step] = changed(copy[step], rest, value)
  return copy
}

type Broken = Pick<Violation, 'value' | 'says'> & { readonly at?: readonly string[] }

function breakKeyword(keyword: string, limit: unknown, schema: Schema, sample: unknown): readonly Broken[] {
  const count = Number(limit)
  switch (keyword) {
    case 'type':
      return [{ value: schema.type === 'string' ? 42 : 'other', says: /must be of type|expected/ }]
    case 'pattern':
      return [{ value: 'a b', says: /should match '/ }]
    case 'format':
      return limit === 'date-time' ? [{ value: 'yesterday', says: /must be of type date-time/ }] : []
    case 'enum':
      return [{ value: 'other', says: /supported values: "/ }]
    case 'minLength':
      return [{ value: 'a'.repeat(count - 1), says: new RegExp(`at least ${count} chars long`) }]
    case 'maxLength':
      return [{ value: 'a'.repeat(count + 1), says: new RegExp(`may not be more than ${count} bytes`) }]
    case 'minItems':
      return [{ value: [], says: new RegExp(`at least ${count} items`) }]
    case 'maxItems':
      return [{ value: distinct(sample, count + 1, schema), says: new RegExp(`must have at most ${count} items`) }]
    case 'minimum':
      return [{ value: count - 1, says: new RegExp(`greater than or equal to ${count}`) }]
    case 'maximum':
      return [{ value: count + 1, says: new RegExp(`less than or equal to ${count}`) }]
    case 'maxProperties': {
      const entries = Array.from({ length: count + 1 }, (_, index) => [`key${index}`, 'value'])
      return [{ value: Object.fromEntries(entries), says: new RegExp(`must have at most ${count} `) }]
    }
    case 'required':
      return (limit as readonly string[]).map((field) => ({ value: undefined, at: [field], says: /Required value/ }))
    case 'properties':
      return [{ value: 'x', at: ['noSuchField'], says: /unknown field/ }]
    case 'x-kubernetes-list-type':
      return limit === 'atomic'
        ? []
        : [{ value: [...(sample as unknown[]), (sample as unknown[])[0]], says: /Duplicate value/ }]
    // broken by cases of their own, or nothing that could be broken
    case 'x-kubernetes-validations':
    case 'x-kubernetes-list-map-keys':
    case 'items':
    case 'additionalProperties':
    case 'default':
    case 'description':
      return []
    default:
      throw new Error(`nothing here breaks ${keyword}`)
  }
}

/** So many items like the first one, no two the same. */
function distinct(sample: unknown, count: number, schema: Schema): readonly unknown[] {
  const [first] = sample as readonly unknown[]
  const [key] = ((schema['x-kubernetes-list-map-keys'] ?? []) as readonly string[]).toReversed()
  return Array.from({ length: count }, (_, index) => {
    if (typeof first === 'string') return `${first}${index}`
    return key === undefined ? first : { ...(first as object), [key]: `item${index}` }
  })
}
