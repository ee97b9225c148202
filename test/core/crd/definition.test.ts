import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { customResourceDefinition } from '../../../core/crd/definition.ts'
import type { KindDefinition } from '../../../core/crd/kind.ts'
import { kinds } from '../../../core/crd/kinds.ts'
import { tokenScope } from '../../../core/crd/token-scope.ts'

interface Schema {
  readonly [keyword: string]: unknown
  readonly type: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

interface Version {
  readonly [member: string]: unknown
  readonly schema: { readonly openAPIV3Schema: Schema }
}

function versionOf(kind: KindDefinition): Version {
  const [version] = (customResourceDefinition(kind).spec as { versions: readonly Version[] }).versions
  return version ?? expect.fail('no version')
}

function fieldOf(kind: string, ...path: readonly string[]): Schema {
  const definition = kinds.find((each) => each.kind === kind) ?? expect.fail(`no kind ${kind}`)
  let schema = versionOf(definition).schema.openAPIV3Schema
  for (const name of path) schema = schema.properties?.[name] ?? expect.fail(`no field ${path.join('.')}`)
  return schema
}

/** Every schema of the tree with its path, the root's `metadata` apart, which Kubernetes defines. */
function walk(schema: Schema, path: string): readonly (readonly [string, Schema])[] {
  const fields = Object.entries(schema.properties ?? {}).filter(([name]) => `${path}.${name}` !== '.metadata')
  const below = fields.flatMap(([name, field]) => walk(field, `${path}.${name}`))
  return [[path, schema], ...below, ...(schema.items === undefined ? [] : walk(schema.items, `${path}[]`))]
}

const fields = kinds.flatMap((kind) =>
  walk(versionOf(kind).schema.openAPIV3Schema, '').map(([path, schema]) => [`${kind.kind}${path}`, schema] as const),
)

const structuralKeywords = new Set([
  ...['type', 'format', 'description', 'default', 'enum', 'pattern', 'properties', 'required', 'items'],
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'minimum', 'maximum'],
  ...['additionalProperties', 'maxProperties'],
  ...['x-kubernetes-validations', 'x-kubernetes-list-type', 'x-kubernetes-list-map-keys'],
])

describe('every field of every kind', () => {
  it('has a type, and no keyword that a structural schema does not know', () => {
    for (const [path, schema] of fields) {
      const unknown = Object.keys(schema).filter((keyword) => !structuralKeywords.has(keyword))
      expect([path, unknown]).toEqual([path, []])
      expect([path, schema.type]).toEqual([path, expect.stringMatching(/^(object|array|string|integer|boolean)$/)])
    }
  })

  it('is described, which is what kubectl explain shows', () => {
    const undescribed = fields.filter(([path, { description }]) => !path.endsWith('[]') && !description)

    expect(undescribed.map(([path]) => path)).toEqual([])
  })

  it('has a greatest length, which bounds the cost of CEL rules', () => {
    const isBounded = ({ type, maxLength, enum: values, format, maxItems }: Schema) => {
      if (type === 'array') return maxItems !== undefined
      return type !== 'string' || maxLength !== undefined || values !== undefined || format === 'date-time'
    }
    const root = new Set(kinds.flatMap(({ kind }) => [`${kind}.apiVersion`, `${kind}.kind`]))

    expect(fields.filter(([path, schema]) => !root.has(path) && !isBounded(schema)).map(([path]) => path)).toEqual([])
  })

  it('that is a list says how it is merged', () => {
    for (const [path, schema] of fields.filter(([, each]) => each.type === 'array')) {
      const types = schema.items?.type === 'object' ? ['map', 'atomic'] : ['set']
      expect([path, types.includes(String(schema['x-kubernetes-list-type']))]).toEqual([path, true])
    }
  })

  it('has a pattern without what RE2 does not know', () => {
    const patterns = fields.flatMap(([, { pattern }]) => (typeof pattern === 'string' ? [pattern] : []))

    expect(patterns.length).toBeGreaterThan(0)
    for (const pattern of patterns) {
      expect(pattern).toMatch(/^\^.*\$$/)
      expect(pattern).not.toMatch(/\(\?[=!<]|\\[1-9uc]/)
    }
  })
})

describe('customResourceDefinition', () => {
  it.each(kinds.map((kind) => [kind.kind, kind] as const))('names %s as Kubernetes wants it', (_name, kind) => {
    const definition = customResourceDefinition(kind)

    expect(definition).toMatchObject({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${kind.plural}.tokenbroker.dev` },
      spec: {
        group: 'tokenbroker.dev',
        scope: kind.scope,
        names: { kind: kind.kind, listKind: `${kind.kind}List`, categories: ['tokenbroker'] },
        versions: [{ name: 'v1alpha1', served: true, storage: true }],
      },
    })
    expect(fieldOf(kind.kind)['required']).toEqual(['spec'])
  })

  it('fills in the defaults of a policy', () => {
    expect(fieldOf('TokenPolicy', 'spec')['required']).toEqual(['audience', 'scopes'])
    expect(fieldOf('TokenPolicy', 'spec', 'providerRef')['default']).toEqual({ name: 'builtin' })
    expect(fieldOf('TokenPolicy', 'spec', 'ttl')['default']).toBe('5m')
    expect(fieldOf('TokenPolicy', 'spec', 'mode')).toMatchObject({ default: 'Enforce', enum: ['Enforce', 'DryRun'] })
    expect(fieldOf('TokenPolicy', 'spec', 'suspend')['default']).toBe(false)
  })

  it('fills in the defaults of a provider', () => {
    expect(fieldOf('ClusterTokenProvider', 'spec')['required']).toEqual(['audiences', 'scopes'])
    expect(fieldOf('ClusterTokenProvider', 'spec', 'limits')['default']).toEqual({
      maxTTL: '15m',
      secretDelivery: false,
    })
    expect(fieldOf('ClusterTokenProvider', 'spec', 'builtin', 'algorithm')['default']).toBe('RS256')
    expect(fieldOf('ClusterTokenProvider', 'spec', 'builtin', 'tokenType')['default']).toBe('at+jwt')
  })

  it('merges conditions by type, as kubectl and Helm expect', () => {
    expect(fieldOf('TokenPolicy', 'status', 'conditions')).toMatchObject({
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: { required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'] },
    })
    expect(fieldOf('TokenPolicy', 'status')['properties']).toHaveProperty(
      'conditions.items.properties.lastTransitionTime',
      {
        description: expect.any(String),
        type: 'string',
        format: 'date-time',
      },
    )
  })

  it.each(kinds.map((kind) => [kind.kind, kind] as const))('carries the CEL rules of %s', (name, kind) => {
    const written = (fieldOf(name, 'spec')['x-kubernetes-validations'] ?? []) as readonly Record<string, string>[]

    expect(written.map(({ rule }) => rule)).toEqual(kind.rules.map(({ rule }) => rule))
    for (const { message, fieldPath } of written) {
      expect(message).not.toBe('')
      expect(fieldPath).not.toBe('')
    }
  })

  it('says the field of a rule where there is one', () => {
    expect(fieldOf('TokenPolicy', 'spec')['x-kubernetes-validations']).toContainEqual({
      rule: expect.any(String),
      message: 'scopes must not repeat',
      fieldPath: '.scopes',
    })
  })

  it('lets nobody make a TokenScope', () => {
    expect(fieldOf('TokenScope', 'spec')['x-kubernetes-validations']).toMatchObject([{ rule: 'false' }])
    expect(versionOf(tokenScope)).not.toHaveProperty('subresources')
    expect(versionOf(tokenScope)).not.toHaveProperty('additionalPrinterColumns')
  })

  it('gives a status of its own to kinds that have one', () => {
    expect(versionOf(kinds[0])).toMatchObject({ subresources: { status: {} } })
  })

  it('leaves out rules where there are none', () => {
    const bare: KindDefinition = { ...kinds[2], spec: z.strictObject({}), rules: [], shortNames: ['ts'] }

    expect(versionOf(bare).schema.openAPIV3Schema.properties?.['spec']).not.toHaveProperty('x-kubernetes-validations')
    expect(customResourceDefinition(bare).spec).toMatchObject({ names: { shortNames: ['ts'] } })
  })
})

describe('printer columns', () => {
  it('point at fields that exist', () => {
    for (const kind of kinds) {
      for (const { jsonPath } of kind.columns as KindDefinition['columns']) {
        if (jsonPath.startsWith('.metadata.')) continue
        const path = jsonPath.replace(/\[\?\(.*\)\]/, '[]')
        expect(fields.map(([name]) => name)).toContain(`${kind.kind}${path}`)
      }
    }
  })
})
