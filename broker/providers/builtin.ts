import { epochSeconds } from '../../core/clock.ts'
import type { BuiltinConfig } from '../../core/crd/cluster-token-provider.ts'
import { accessTokenClaims } from './access-token-claims.ts'
import type { Grant, IssuedToken, TokenProvider, Upstream } from './provider.ts'

/** The issuer built into the broker: nothing leaves the process. */
export const builtin: TokenProvider<BuiltinConfig> = {
  type: 'builtin',
  title: 'Built-in issuer',
  callsUpstream: false,
  lifetime: { minSeconds: 1, maxSeconds: 86_400, isAdjustable: true, isRevocable: true },
  example: {
    algorithm: 'RS256',
    tokenType: 'at+jwt',
    perAudience: [{ audience: 'https://es256.example.com', algorithm: 'ES256', tokenType: 'JWT' }],
  },
  exchange,
}

async function exchange(grant: Grant, config: BuiltinConfig, upstream: Upstream): Promise<IssuedToken> {
  const { allowance, exchangeId, issuedAt, expiresAt } = grant
  const special = config.perAudience?.find((entry) => entry.audience === allowance.audience)
  const { token, issuer } = await upstream.mint(accessTokenClaims(grant), {
    algorithm: special?.algorithm ?? config.algorithm,
    tokenType: special?.tokenType ?? config.tokenType,
    issuedAt,
    expiresAt,
  })
  return {
    accessToken: token,
    tokenType: 'Bearer',
    // `exp` has whole seconds, so this is when the token really ends.
    expiresAt: new Date(epochSeconds(expiresAt) * 1000),
    scopes: allowance.scopes,
    jti: exchangeId,
    issuer,
  }
}
