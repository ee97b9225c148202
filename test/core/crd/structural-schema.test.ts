import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { structuralSchema } from '../../../core/crd/structural-schema.ts'

describe('structuralSchema', () => {
  it('keeps limits, defaults, patterns and descriptions', () => {
    const schema = z.strictObject({
      name: z.string().min(1).max(9).regex(/^a+$/).default('a').describe('Name.'),
      kind: z.enum(['A', 'B']).describe('Kind.'),
    })

    expect(structuralSchema(schema.describe('All.'), 'spec')).toEqual({
      description: 'All.',
      type: 'object',
      required: ['kind'],
      properties: {
        name: { description: 'Name.', type: 'string', default: 'a', minLength: 1, maxLength: 9, pattern: '^a+$' },
        kind: { description: 'Kind.', type: 'string', enum: ['A', 'B'] },
      },
    })
  })

  it('writes whole numbers as int64, with the limits that somebody set', () => {
    const schema = z.strictObject({ free: z.int(), bounded: z.int().min(0).max(5) })

    expect(structuralSchema(schema, 'spec')['properties']).toMatchObject({
      free: { type: 'integer', format: 'int64' },
      bounded: { type: 'integer', format: 'int64', minimum: 0, maximum: 5 },
    })
    expect(structuralSchema(schema, 'spec')['properties']).not.toHaveProperty('free.maximum')
  })

  it('writes times by their format, without the pattern', () => {
    expect(structuralSchema(z.iso.datetime({ offset: true }), 'spec')).toEqual({ type: 'string', format: 'date-time' })
  })

  it('keeps what Kubernetes should know about a list', () => {
    const list = z
      .array(z.string().max(9))
      .max(3)
      .meta({ 'x-kubernetes-list-type': 'set' })
      .optional()
      .describe('List.')

    expect(structuralSchema(list, 'spec')).toEqual({
      description: 'List.',
      type: 'array',
      items: { type: 'string', maxLength: 9 },
      maxItems: 3,
      'x-kubernetes-list-type': 'set',
    })
  })

  it('leaves out an empty list of properties, as the API server does', () => {
    expect(structuralSchema(z.strictObject({}), 'spec')).toEqual({ type: 'object' })
  })

  it.each([
    ['a union', z.union([z.string(), z.boolean()])],
    ['null', z.strictObject({ a: z.string().nullable() })],
    ['an open limit', z.int().gt(3)],
    ['an object with free fields', z.looseObject({})],
    ['a map', z.record(z.string(), z.string())],
    ['any value', z.strictObject({ a: z.unknown() })],
    ['a string format that Kubernetes does not check', z.email()],
    ['a list without an end', z.array(z.string())],
    ['a date object', z.date()],
  ] as const)('refuses %s instead of dropping it', (_name, schema) => {
    expect(() => structuralSchema(schema, 'spec')).toThrow()
  })

  it('names the field that it cannot write', () => {
    const schema = z.strictObject({ list: z.array(z.strictObject({ value: z.int().gt(3) })).max(2) })

    expect(() => structuralSchema(schema, 'spec')).toThrow(/^spec\.list\[\]\.value: /)
  })
})
