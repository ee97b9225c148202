import { describe, expect, it } from 'vitest'
import { isMarkedAgent } from '../../../core/identity/agent-mark.ts'

describe('isMarkedAgent', () => {
  it.each([
    [{ annotations: { 'tokenbroker.dev/agent': 'true' } }],
    [{ labels: { 'tokenbroker.dev/agent': 'true' } }],
    [{ annotations: { 'tokenbroker.dev/agent': 'yes' } }],
    [{ annotations: { 'tokenbroker.dev/agent': '' } }],
    [{ annotations: { 'tokenbroker.dev/agent': 'false' }, labels: { 'tokenbroker.dev/agent': 'true' } }],
  ])('believes %j', (metadata) => {
    expect(isMarkedAgent({}, metadata)).toBe(true)
  })

  it.each([
    [{}],
    [{ annotations: { 'tokenbroker.dev/agent': 'false' } }],
    [{ annotations: { agent: 'true' }, labels: { 'tokenbroker.dev/agents': 'true' } }],
  ])('finds nothing in %j', (metadata) => {
    expect(isMarkedAgent(metadata, {})).toBe(false)
  })
})
