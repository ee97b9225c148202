import { describe, expect, it } from 'vitest'
import { builtin } from '../../../broker/providers/builtin.ts'
import { providerFor, providers } from '../../../broker/providers/registry.ts'
import { clusterTokenProviderSpec } from '../../../core/crd/cluster-token-provider.ts'

const spec = { audiences: ['https://deploy.example.com'], scopes: ['deploy:staging'] }

describe('providerFor', () => {
  it('gives the provider that the spec names, with its configuration', () => {
    const parsed = clusterTokenProviderSpec.parse({ ...spec, builtin: { algorithm: 'ES256' } })

    expect(providerFor(parsed)).toEqual({ provider: builtin, config: { algorithm: 'ES256', tokenType: 'at+jwt' } })
  })

  it('refuses a spec that names none', () => {
    const parsed = clusterTokenProviderSpec.parse(spec)

    expect(() => providerFor(parsed)).toThrow(expect.objectContaining({ reason: 'provider_unknown' }))
  })
})

describe('providers', () => {
  it('are named after their field in ClusterTokenProvider', () => {
    for (const [field, provider] of Object.entries(providers)) expect(provider.type).toBe(field)
  })
})
