import { describe, expect, it } from 'vitest'
import type { LiveGrant } from '../../../broker/audit/grant-book.ts'
import { createIntrospect, type Introspection } from '../../../broker/issuer/introspect.ts'
import { Secret } from '../../../core/secret.ts'
import { deployGrant, grantsInMemory } from './grants-fixture.ts'
import { deployClaims, later, start, testIssuer } from './issuer-fixture.ts'

interface Situation {
  readonly grants?: readonly LiveGrant[]
  readonly endedRuns?: readonly string[]
  readonly passSeconds?: number
  readonly callerMayAskAbout?: (audience: string) => boolean
  readonly token?: Secret
}

async function introspectIn(situation: Situation): Promise<Introspection> {
  const { grants = [deployGrant], endedRuns = [], passSeconds = 0, callerMayAskAbout = () => true } = situation
  const issuer = await testIssuer()
  const { token } = await issuer.mint(deployClaims, {
    algorithm: 'ES256',
    tokenType: 'at+jwt',
    issuedAt: start,
    expiresAt: later(300),
  })
  await issuer.pass(passSeconds)
  const introspect = createIntrospect({
    verifyOwn: issuer.verifyOwn,
    grants: grantsInMemory(grants, endedRuns),
    clock: () => issuer.now,
  })
  return introspect(situation.token ?? token, { callerMayAskAbout })
}

async function foreignToken(): Promise<Secret> {
  const other = await testIssuer(undefined, { issuerUrl: 'https://other.example.com' })
  const options = { algorithm: 'ES256', tokenType: 'at+jwt', issuedAt: start, expiresAt: later(300) } as const
  return (await other.mint(deployClaims, options)).token
}

describe('introspect', () => {
  it('says what a live token says, and that it is one', async () => {
    expect(await introspectIn({})).toEqual({
      ...deployClaims,
      active: true,
      token_type: 'Bearer',
      iss: 'https://broker.example.com',
      iat: start.getTime() / 1000 - 30,
      nbf: start.getTime() / 1000 - 30,
      exp: start.getTime() / 1000 + 300,
    })
  })

  it('takes a token that belongs to no run', async () => {
    expect(await introspectIn({ grants: [{ ...deployGrant, run: undefined }] })).toMatchObject({ active: true })
  })

  const inactive: Record<string, Situation> = {
    'has expired': { passSeconds: 300 },
    'ends earlier in the audit stream than in its text': {
      grants: [{ ...deployGrant, expiresAt: later(60) }],
      passSeconds: 60,
    },
    'is revoked': { grants: [{ ...deployGrant, isRevoked: true }] },
    'belongs to a run that has ended': { endedRuns: ['run-1'] },
    'is not in the audit stream': { grants: [] },
    'was granted for another audience': { grants: [{ ...deployGrant, audience: 'https://other.example.com' }] },
    'is none': { token: new Secret('opaque') },
  }

  it.each(Object.entries(inactive))('says nothing but inactive when the token %s', async (_name, situation) => {
    expect(await introspectIn(situation)).toEqual({ active: false })
  })

  it('says nothing but inactive about a token of another issuer', async () => {
    expect(await introspectIn({ token: await foreignToken() })).toEqual({ active: false })
  })

  it('answers only the resource server that stands behind the audience', async () => {
    const asked: string[] = []
    const callerMayAskAbout = (audience: string) => {
      asked.push(audience)
      return audience === 'https://api.example.com'
    }

    expect(await introspectIn({ callerMayAskAbout })).toEqual({ active: false })
    expect(asked).toEqual(['https://deploy.example.com'])
  })
})
