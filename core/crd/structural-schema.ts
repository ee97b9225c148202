import { z } from 'zod'

/** A Kubernetes structural schema. @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema */
export type StructuralSchema = Readonly<Record<string, unknown>>

interface JsonSchema {
  readonly [keyword: string]: unknown
}

/** Keywords that mean the same in both. */
const kept = new Set([
  'type',
  'description',
  'default',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
  'minimum',
  'maximum',
  'required',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
])

/** Order of writing: what a reader looks for first. */
const order = ['description', 'type', 'format', 'default', 'enum', 'required', 'properties', 'items']

/**
 * Translates a zod schema into the dialect of Kubernetes.
 *
 * @throws TypeError on a construct that has no translation, so that nobody ships a field without its rule
 */
export function structuralSchema(schema: z.ZodType, name: string): StructuralSchema {
  // `input`: a field with a default may be left out by the user.
  return translate(z.toJSONSchema(schema, { io: 'input', target: 'openapi-3.0', unrepresentable: 'throw' }), name)
}

function translate(schema: JsonSchema, path: string): StructuralSchema {
  const translated: Record<string, unknown> = {}
  for (const [keyword, value] of Object.entries(schema)) {
    Object.assign(translated, translateKeyword(keyword, value, path))
  }
  if (translated['type'] === undefined)
    throw new TypeError(`${path}: a structural schema names the type of every field`)
  return inOrder({ ...translated, ...ofType(schema, path) })
}

function translateKeyword(keyword: string, value: unknown, path: string): StructuralSchema {
  if (kept.has(keyword)) return { [keyword]: value }
  switch (keyword) {
    case 'properties':
      // The API server drops an empty one, and whoever applies the file again would conflict with what it kept.
      if (Object.keys(value as JsonSchema).length === 0) return {}
      return { properties: mapValues(value as JsonSchema, (field, name) => translate(field, `${path}.${name}`)) }
    case 'items':
      return { items: translate(value as JsonSchema, `${path}[]`) }
    case 'additionalProperties':
      // Unknown fields are pruned by Kubernetes; saying so is not allowed beside `properties`.
      if (value === false) return {}
      return { additionalProperties: translate(value as JsonSchema, `${path}{}`) }
    case 'propertyNames':
      // Kubernetes has no rule for names of members; the broker judges them when it parses.
      return {}
    case 'format':
      if (value === 'date-time') return { format: value }
      break
  }
  throw new TypeError(`${path}: ${keyword} has no translation into a structural schema`)
}

/** What zod says in its own way for a type. */
function ofType(schema: JsonSchema, path: string): StructuralSchema {
  switch (schema['type']) {
    case 'integer':
      return { format: 'int64', maximum: schema['maximum'] === Number.MAX_SAFE_INTEGER ? undefined : schema['maximum'] }
    case 'string':
      // Zod's pattern for times is long and no stricter than the format.
      return schema['format'] === 'date-time' ? { pattern: undefined } : {}
    case 'object':
      if (schema['additionalProperties'] && schema['maxProperties'] === undefined)
        throw new TypeError(`${path}: a map needs a greatest size`)
      return {}
    case 'array':
      if (schema['maxItems'] === undefined) throw new TypeError(`${path}: an array needs a greatest length`)
      return {}
    default:
      return {}
  }
}

function mapValues(object: JsonSchema, change: (value: JsonSchema, name: string) => unknown): StructuralSchema {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value as JsonSchema, name)]))
}

function inOrder(schema: StructuralSchema): StructuralSchema {
  const entries = Object.entries(schema).filter(([, value]) => value !== undefined)
  const rank = (keyword: string) => (order.includes(keyword) ? order.indexOf(keyword) : order.length)
  return Object.fromEntries(entries.sort(([a], [b]) => rank(a) - rank(b)))
}
