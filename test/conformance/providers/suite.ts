import { decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { accessTokenClaimNames } from '../../../broker/issuer/metadata.ts'
import { checkIssued } from '../../../broker/providers/check-issued.ts'
import type { Grant, IssuedToken, TokenProvider, Upstream } from '../../../broker/providers/provider.ts'
import type { TestIssuer } from '../../broker/issuer/issuer-fixture.ts'
import { verifierKeys } from '../../broker/issuer/issuer-fixture.ts'
import { grantWith } from '../../broker/providers/grant-fixture.ts'

/** What a provider is run against. A provider that calls out gets a server here that answers like the original. */
export interface Surroundings<C> {
  readonly provider: TokenProvider<C>
  /** Called once for each test: tests move the issuer's time. */
  open(): Promise<{ readonly upstream: Upstream; readonly issuer: TestIssuer }>
}

const signal = AbortSignal.timeout(60_000)

/** What holds for every provider, whatever it asks and whomever. */
export function describeProvider<C>({ provider, open }: Surroundings<C>): void {
  async function exchange(grant: Grant): Promise<IssuedToken> {
    const { upstream, issuer } = await open()
    issuer.now = grant.issuedAt
    return provider.exchange(grant, provider.example, upstream, signal)
  }

  describe(`the provider ${provider.type}`, () => {
    it('is named like a field of Kubernetes and says what it is', () => {
      expect(provider.type).toMatch(/^[a-z][A-Za-z0-9]*$/)
      expect(provider.title).not.toBe('')
    })

    it('declares a life that tokens can have', () => {
      const { minSeconds, maxSeconds } = provider.lifetime

      expect(minSeconds).toBeGreaterThan(0)
      expect(maxSeconds).toBeGreaterThanOrEqual(minSeconds)
      expect(maxSeconds).toBeLessThanOrEqual(86_400)
    })

    it('gives, with its example, an answer that may be released', async () => {
      const grant = grantWith()

      const issued = await exchange(grant)

      expect(checkIssued(issued, grant)).toBe(issued)
    })

    it('gives no more scopes than were granted', async () => {
      const grant = grantWith({ allowance: { scopes: ['image:push'] } })

      expect((await exchange(grant)).scopes).toEqual(['image:push'])
    })

    it('gives a new token for each exchange', async () => {
      const first = await exchange(grantWith())
      const second = await exchange(grantWith({ exchangeId: '019a0000-0000-7000-8000-000000000002' }))

      expect(second.jti).not.toBe(first.jti)
      expect(second.accessToken.reveal()).not.toBe(first.accessToken.reveal())
    })

    it.each([1, 60, 900])('gives a token that does not outlive a grant of %i s', async (seconds) => {
      const end = new Date(grantWith().issuedAt.getTime() + seconds * 1000)

      const issued = await exchange(grantWith({ expiresAt: end }))

      expect(issued.expiresAt.getTime()).toBeLessThanOrEqual(end.getTime())
    })
  })
}

/** What holds for tokens that the broker's own issuer signs. */
export function describeOwnTokens<C>(
  { provider, open }: Surroundings<C>,
  variants: Readonly<Record<string, { config: C; alg: string; typ: string | undefined }>>,
): void {
  async function verified(issuer: TestIssuer, { accessToken }: IssuedToken): Promise<JWTPayload> {
    const { payload } = await jwtVerify(accessToken.reveal(), verifierKeys(issuer.jwks()), {
      issuer: issuer.url.text,
      audience: 'https://deploy.example.com',
      currentDate: issuer.now,
      requiredClaims: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'],
    })
    return payload
  }

  describe.each(Object.entries(variants))(`a token of the provider ${provider.type} with %s`, (_name, variant) => {
    const { config, alg, typ } = variant

    it('verifies by the published keys and says exactly what was granted', async () => {
      const { issuer, upstream } = await open()
      const grant = grantWith()
      issuer.now = grant.issuedAt

      const issued = await provider.exchange(grant, config, upstream, signal)

      const issuedAt = Math.floor(grant.issuedAt.getTime() / 1000)
      expect(decodeProtectedHeader(issued.accessToken.reveal())).toEqual({
        alg,
        kid: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
        ...(typ === undefined ? {} : { typ }),
      })
      expect(await verified(issuer, issued)).toEqual({
        iss: 'https://broker.example.com',
        aud: 'https://deploy.example.com',
        sub: 'system:serviceaccount:payments:deployer',
        client_id: 'system:serviceaccount:payments:deployer',
        azp: 'system:serviceaccount:payments:deployer',
        scope: 'deploy:staging image:push',
        iat: issuedAt - 30,
        nbf: issuedAt - 30,
        exp: grant.expiresAt.getTime() / 1000,
        jti: grant.exchangeId,
        namespace: 'payments',
        pipeline: 'release',
        pipeline_run: 'release-7x',
        pipeline_run_uid: 'b2f0c5f4-0000-4000-8000-000000000001',
        task: 'deploy',
        task_run: 'release-7x-deploy',
        initiator: 'jane@example.com',
        assurance: 'claimed',
      })
      expect(issued).toMatchObject({ jti: grant.exchangeId, issuer: 'https://broker.example.com', tokenType: 'Bearer' })
    })

    it('has no claim beyond the contract, and fits into a header', async () => {
      const { issuer, upstream } = await open()
      const grant = grantWith()
      issuer.now = grant.issuedAt

      const issued = await provider.exchange(grant, config, upstream, signal)

      const known = new Set<string>(accessTokenClaimNames)
      expect(Object.keys(await verified(issuer, issued)).filter((name) => !known.has(name))).toEqual([])
      expect(issued.accessToken.length).toBeLessThan(4096)
    })

    it('ends at its exp', async () => {
      const { issuer, upstream } = await open()
      const grant = grantWith()
      issuer.now = grant.issuedAt
      const issued = await provider.exchange(grant, config, upstream, signal)

      issuer.now = new Date(issued.expiresAt.getTime() - 1)
      await expect(verified(issuer, issued)).resolves.toBeDefined()
      issuer.now = issued.expiresAt
      await expect(verified(issuer, issued)).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' })
    })

    it('outlives a rotation of the keys', async () => {
      const { issuer, upstream } = await open()
      await issuer.pass(30 * 86_400 - 5)
      const times = { issuedAt: issuer.now, expiresAt: new Date(issuer.now.getTime() + 300_000) }
      const early = await provider.exchange(grantWith(times), config, upstream, signal)
      const kid = (issued: IssuedToken) => decodeProtectedHeader(issued.accessToken.reveal()).kid

      await issuer.pass(10)

      const late = await provider.exchange(grantWith(times), config, upstream, signal)
      expect(kid(late)).not.toBe(kid(early))
      await expect(verified(issuer, early)).resolves.toBeDefined()
      await expect(verified(issuer, late)).resolves.toBeDefined()
    })
  })
}
