import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import type { AuditReason, AuditRecord, AuditType } from '../../../core/audit/event.ts'
import { type auditReasons, auditRecordSchema, type auditTypes } from '../../../core/audit/schema.ts'
import { chain } from './chain-fixture.ts'

describe('auditRecordSchema', () => {
  it('lists every type and reason that the record can have', () => {
    expectTypeOf<(typeof auditTypes)[number]>().toEqualTypeOf<AuditType>()
    expectTypeOf<(typeof auditReasons)[number]>().toEqualTypeOf<AuditReason>()
  })

  it('names every member of the record and its data', () => {
    expectTypeOf<keyof typeof auditRecordSchema.shape>().toEqualTypeOf<keyof AuditRecord>()
    expectTypeOf<keyof typeof auditRecordSchema.shape.data.shape>().toEqualTypeOf<keyof AuditRecord['data']>()
  })

  it('accepts what sealRecord writes', () => {
    for (const { line } of chain('chain-1', 2)) expect(() => auditRecordSchema.parse(JSON.parse(line))).not.toThrow()
  })

  it('lets members of a later version pass', () => {
    const [sealed] = chain('chain-1', 1)
    const grown = {
      ...sealed?.record,
      traceparent: '00-1',
      data: { ...sealed?.record.data, weather: { by: ['jane'] } },
    }

    expect(auditRecordSchema.parse(grown)).toEqual(grown)
  })

  it.each([
    ['another type', { type: 'com.example.other' }],
    ['a sequence that does not sort', { sequence: '1' }],
    ['a time without zone', { time: '2026-08-18T10:00:00' }],
  ])('refuses %s', (_, change) => {
    expect(auditRecordSchema.safeParse({ ...chain('chain-1', 1)[0]?.record, ...change }).success).toBe(false)
  })

  it('can be published as JSON Schema', () => {
    const schema = z.toJSONSchema(auditRecordSchema)

    expect(schema.required).toContain('sequence')
    expect(schema.additionalProperties).not.toBe(false)
  })
})
