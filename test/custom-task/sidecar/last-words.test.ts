import { describe, expect, it } from 'vitest'
import { readGateMessage } from '../../../custom-task/gate-message.ts'
import type { DeliveryReport } from '../../../custom-task/sidecar/delivery.ts'
import { lastWords } from '../../../custom-task/sidecar/last-words.ts'

const refused: DeliveryReport = {
  policy: 'deploy',
  name: 'api',
  status: 'refused',
  isOptional: false,
  message: 'The policy is suspended',
  exchangeId: 'e-1',
}

describe('lastWords', () => {
  it('are nothing while every token is there, or optional', () => {
    expect(
      lastWords([
        { ...refused, status: 'ready' },
        { ...refused, isOptional: true },
      ]),
    ).toBe('')
  })

  it('name the tokens that ended, once each, so that the controller understands them', () => {
    const words = lastWords([refused, { ...refused, name: 'other-step' }, { ...refused, policy: 'b', status: 'ready' }])

    expect(words).toBe('tokenbroker: deploy is refused: The policy is suspended (exchange e-1)\n')
    expect(readGateMessage(words)).toEqual([
      { policy: 'deploy', status: 'refused', sentence: 'The policy is suspended', exchangeId: 'e-1' },
    ])
  })

  it('fit into a termination log', () => {
    const many = Array.from({ length: 64 }, (_, i) => ({ ...refused, policy: `p${i}`, message: 'x'.repeat(500) }))

    expect(lastWords(many).length).toBeLessThanOrEqual(4096)
  })
})
