import { describe, expect, it } from 'vitest'
import { builtin } from '../../../broker/providers/builtin.ts'
import type { TokenProvider } from '../../../broker/providers/provider.ts'
import { providers } from '../../../broker/providers/registry.ts'
import { builtinConfig } from '../../../core/crd/cluster-token-provider.ts'
import { describeOwnTokens, describeProvider } from '../../conformance/providers/suite.ts'
import { allAlgorithms, freshRing, testIssuer } from '../issuer/issuer-fixture.ts'

const audience = 'https://deploy.example.com'

/** RSA keys take long to make; a ring never changes, so every test can begin with the same. */
const ring = freshRing(allAlgorithms)

async function open() {
  const issuer = await testIssuer(await ring)
  return { issuer, upstream: { mint: issuer.mint } }
}

for (const provider of Object.values(providers) as TokenProvider<unknown>[]) describeProvider({ provider, open })

describeOwnTokens(
  { provider: builtin, open },
  {
    'its defaults': { config: builtinConfig.parse({}), alg: 'RS256', typ: 'at+jwt' },
    'ES256 and type JWT': { config: { algorithm: 'ES256', tokenType: 'JWT' }, alg: 'ES256', typ: 'JWT' },
    'EdDSA and no type': { config: { algorithm: 'EdDSA', tokenType: 'none' }, alg: 'EdDSA', typ: undefined },
    'settings for its audience': {
      config: builtinConfig.parse({ perAudience: [{ audience, algorithm: 'ES256' }] }),
      alg: 'ES256',
      typ: 'at+jwt',
    },
    'settings for another audience': {
      config: builtinConfig.parse({
        perAudience: [{ audience: `${audience}/`, algorithm: 'ES256', tokenType: 'JWT' }],
      }),
      alg: 'RS256',
      typ: 'at+jwt',
    },
  },
)

describe('the example of builtin', () => {
  it('is what its schema takes', () => {
    expect(builtinConfig.parse(builtin.example)).toEqual(builtin.example)
  })
})
