import { z } from 'zod'
import { duration, name } from '../../core/crd/fields.ts'
import { code } from './markdown.ts'

/** One key of a file or object, as a table shows it. */
export interface SchemaRow {
  /** As one writes the path, `[]` for each entry of a list. */
  readonly key: string
  readonly type: string
  /** The default in code, `required`, or empty for an optional key. */
  readonly fallback: string
  readonly meaning: string
}

interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly format?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
}

/** Every key of a schema, in its order: what it takes, its default and the text that describes it in code. */
export function schemaRows(schema: z.ZodType, prefix = ''): readonly SchemaRow[] {
  return propertyRows(jsonSchemaOf(schema), prefix)
}

/** What one writes: the schema of the input, before defaults are filled in. */
function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
}

function propertyRows({ properties = {}, required = [] }: JsonSchema, prefix: string): readonly SchemaRow[] {
  return Object.entries(properties).flatMap(([property, schema]) => {
    const key = prefix === '' ? property : `${prefix}.${property}`
    return [...ownRow(key, schema, required.includes(property)), ...innerRows(key, schema)]
  })
}

/** An object that nothing is said about is shown by its keys alone. */
function ownRow(key: string, schema: JsonSchema, isRequired: boolean): readonly SchemaRow[] {
  const { description = '', properties } = schema
  if (properties !== undefined && description === '') return []
  return [{ key, type: typeOf(schema), fallback: fallbackOf(schema, isRequired), meaning: description }]
}

function innerRows(key: string, schema: JsonSchema): readonly SchemaRow[] {
  return schema.items === undefined ? propertyRows(schema, key) : propertyRows(schema.items, `${key}[]`)
}

function fallbackOf(schema: JsonSchema, isRequired: boolean): string {
  if (isRequired) return 'required'
  const value = schema.default
  // What an object defaults to is said by its keys.
  return value === undefined || typeof value === 'object' ? '' : code(String(value))
}

/** Texts whose form has a name. */
const forms: readonly (readonly [pattern: string | undefined, name: string])[] = [
  [jsonSchemaOf(name).pattern, 'object name'],
  [jsonSchemaOf(duration).pattern, 'Go duration'],
]

function typeOf(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(' or ')
  if (schema.const !== undefined) return code(String(schema.const))
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(', ')
  switch (schema.type) {
    case 'array':
      return `list of ${schema.items === undefined ? 'anything' : typeOf(schema.items)}${count(schema)}`
    case 'integer':
    case 'number':
      return `${schema.type}${range(schema)}`
    case 'string':
      return textType(schema)
    default:
      return schema.type ?? 'anything'
  }
}

function textType({ pattern, format }: JsonSchema): string {
  if (format === 'ipv4' || format === 'ipv6') return 'IP address'
  if (format === 'uri' || pattern?.startsWith('^https?')) return 'URL'
  if (format === 'date-time') return 'time (RFC 3339)'
  return forms.find(([known]) => known !== undefined && known === pattern)?.[1] ?? 'string'
}

function count({ minItems, maxItems }: JsonSchema): string {
  return maxItems === undefined ? '' : `, ${minItems ?? 0} to ${maxItems}`
}

function range({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const low = exclusiveMinimum === undefined ? minimum : undefined
  const high = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}`
  const bounds = [
    ...(exclusiveMinimum === undefined ? [] : [`above ${exclusiveMinimum}`]),
    ...(low === undefined ? [] : [`at least ${low}`]),
    ...(high === undefined ? [] : [`at most ${high}`]),
  ]
  return bounds.map((bound) => `, ${bound}`).join('')
}
