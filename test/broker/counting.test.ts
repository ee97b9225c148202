import { describe, expect, it } from 'vitest'
import { createCountRefusal } from '../../broker/counting.ts'

describe('createCountRefusal', () => {
  it('adds to the aggregate and to the metric, and gives the proof that an answer needs', () => {
    const seen: string[] = []
    const countRefusal = createCountRefusal({
      suppress: (door, reason) => seen.push(`suppress ${door} ${reason}`),
      meter: (door, reason) => seen.push(`meter ${door} ${reason}`),
    })

    const proof = countRefusal('introspect', 'malformed_request')

    expect(seen).toEqual(['suppress introspect malformed_request', 'meter introspect malformed_request'])
    expect(proof).toEqual({ reason: 'malformed_request' })
  })
})
