import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gateLine, type MissingToken, missingSentence, readGateMessage } from '../../custom-task/gate-message.ts'
import { anyText } from '../any-text.ts'

function said(...tokens: readonly MissingToken[]): string {
  return tokens.map((one) => gateLine(missingSentence(one))).join('')
}

const refused: MissingToken = {
  policy: 'deploy',
  status: 'refused',
  sentence: 'Ask for a scope that it lists',
  exchangeId: 'e-1',
}
const waiting: MissingToken = { policy: 'push', status: 'waiting', sentence: undefined, exchangeId: undefined }

describe('readGateMessage', () => {
  it('reads what the gate says', () => {
    expect(said(refused)).toBe('tokenbroker: deploy is refused: Ask for a scope that it lists (exchange e-1)\n')
    expect(readGateMessage(said(refused))).toEqual([refused])
    expect(readGateMessage(`${said(waiting)}tokenbroker: no token after 60 s\n`)).toEqual([waiting])
  })

  it('names what was refused, not what was not waited for; each once', () => {
    expect(readGateMessage(said(waiting, refused, refused))).toEqual([refused])
  })

  it('understands any sentence that the gate may say', () => {
    const token = fc.record({
      policy: fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?$/),
      status: fc.constantFrom('refused' as const, 'pending' as const, 'unavailable' as const),
      sentence: fc.stringMatching(/^[A-Z][a-z :;,.()=/-]{0,80}[a-z]$/),
      exchangeId: fc.option(fc.stringMatching(/^[A-Za-z0-9._-]{1,36}$/), { nil: undefined }),
    })
    fc.assert(
      fc.property(token, (one) => {
        expect(readGateMessage(said(one))).toEqual([one])
      }),
    )
  })

  it.each([
    ['another program', 'Segmentation fault'],
    ['a policy that is none', 'tokenbroker: DEPLOY is refused: x'],
    ['a state that is none', 'tokenbroker: deploy is compromised: call me'],
    ['nothing', ''],
  ])('leaves out what %s said', (_who, text) => {
    expect(readGateMessage(text)).toEqual([])
  })

  it('keeps of a forged sentence printable ASCII alone, and no more than a description is long', () => {
    const text = `tokenbroker: deploy is refused: \u001b[31m"click"\\ \u202egnp ${'x'.repeat(1500)}`
    const [{ sentence } = waiting] = readGateMessage(text)

    expect(sentence).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,512}$/)
  })

  it('never throws, and is quick, whatever stands there', () => {
    fc.assert(
      fc.property(anyText({ maxLength: 6000 }), (text) => {
        expect(readGateMessage(`tokenbroker: a is refused: ${text}`).length).toBeLessThanOrEqual(16)
      }),
    )
  })
})
