/** A JSON Schema, as far as `values.schema.json` uses it. */
export interface ValueSchema {
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, ValueSchema>>
  readonly additionalProperties?: unknown
  readonly items?: ValueSchema
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, ValueSchema>>
}

/** A value of the chart that is not an object with values of its own. */
export interface Value {
  readonly path: string
  readonly schema: ValueSchema
  /** Undefined where `values.yaml` says nothing. */
  readonly byDefault: unknown
}

/** Every value that the schema knows, in its order. */
export function valuesOf(schema: ValueSchema, defaults: unknown): readonly Value[] {
  const definitions = schema.$defs ?? {}

  function visit(given: ValueSchema, path: string, byDefault: unknown): readonly Value[] {
    const resolved = given.$ref === undefined ? given : (definitions[given.$ref.replace('#/$defs/', '')] ?? given)
    const { properties } = resolved
    if (properties === undefined) return [{ path, schema: resolved, byDefault }]
    return Object.entries(properties).flatMap(([name, one]) =>
      visit(one, path === '' ? name : `${path}.${name}`, fieldOf(byDefault, name)),
    )
  }

  return visit(schema, '', defaults)
}

/** The values as a Markdown table. */
export function valuesTable(schema: ValueSchema, defaults: unknown): string {
  const rows = valuesOf(schema, defaults)
    .filter(({ path }) => path !== 'global')
    .map(({ path, schema: { description = '' }, byDefault }) => [
      `\`${path}\``,
      byDefault === undefined ? '' : `\`${JSON.stringify(byDefault).replaceAll('|', '\\|')}\``,
      description.replaceAll('|', '\\|'),
    ])
  const lines = [['value', 'default', 'meaning'], ['---', '---', '---'], ...rows]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}
