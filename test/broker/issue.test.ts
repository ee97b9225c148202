import { decodeJwt } from 'jose'
import { describe, expect, it } from 'vitest'
import { createIssue, providerTraits } from '../../broker/issue.ts'
import type { Upstream } from '../../broker/providers/provider.ts'
import type { ClusterTokenProviderSpec } from '../../core/crd/cluster-token-provider.ts'
import { Secret } from '../../core/secret.ts'
import { grantWith } from './providers/grant-fixture.ts'

const signal = new AbortController().signal
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** An issuer that signs nothing. */
const upstream: Upstream = {
  mint: async (claims) => ({
    token: new Secret(`${encode({ alg: 'none' })}.${encode(claims)}.c2ln`),
    issuer: 'https://broker.example.com',
  }),
}

describe('createIssue', () => {
  it("gets the token from the grant's provider", async () => {
    const grant = grantWith()

    const issued = await createIssue(upstream)(grant, signal)

    expect(issued).toMatchObject({
      tokenType: 'Bearer',
      jti: grant.exchangeId,
      scopes: grant.allowance.scopes,
      expiresAt: grant.expiresAt,
    })
    expect(decodeJwt(issued.accessToken.reveal())).toMatchObject({ jti: grant.exchangeId })
  })

  it('releases nothing that is not what was granted', async () => {
    const broken: Upstream = { mint: async () => ({ token: new Secret('two\r\nlines'), issuer: 'https://broker' }) }

    await expect(createIssue(broken)(grantWith(), signal)).rejects.toMatchObject({ reason: 'provider_answer_invalid' })
  })

  it('refuses a provider that this broker does not have', async () => {
    const { allowance } = grantWith()
    const spec = { ...allowance.provider.spec, builtin: undefined } as unknown as ClusterTokenProviderSpec
    const grant = grantWith({ allowance: { provider: { ...allowance.provider, spec } } })

    await expect(createIssue(upstream)(grant, signal)).rejects.toMatchObject({ reason: 'provider_unknown' })
    expect(() => providerTraits(spec)).toThrow('provider_unknown')
  })
})

describe('providerTraits', () => {
  it('says how long a token can live and whether asking leaves the process', () => {
    expect(providerTraits(grantWith().allowance.provider.spec)).toEqual({
      maxSeconds: 86_400,
      callsUpstream: false,
      lifetime: { minSeconds: 1, maxSeconds: 86_400, isAdjustable: true, isRevocable: true },
    })
  })
})
