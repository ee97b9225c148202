import { describe, expect, it } from 'vitest'
import { createCountRefusal } from '../../broker/counting.ts'
import { workload } from './exchange-fixture.ts'

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

  it('names the ServiceAccount of a caller that proved itself, not its pod', () => {
    const seen: unknown[] = []
    const countRefusal = createCountRefusal({
      suppress: (...noted) => void seen.push(noted),
      meter: () => undefined,
    })

    countRefusal('introspect', 'caller_not_allowed', workload)

    const caller = { cluster: workload.cluster, namespace: workload.namespace, service_account: 'deployer' }
    expect(seen).toEqual([['introspect', 'caller_not_allowed', caller]])
  })
})
