import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ZodError } from 'zod'
import { parseClusterPolicy, parsePolicy, parseProvider } from '../../../broker/policy/parse-objects.ts'
import type { KubeObject } from '../../../core/io/kube/api.ts'

const metadata = { name: 'deploy', namespace: 'payments', uid: 'u1', resourceVersion: '7', generation: 3 }
const spec = { audience: 'https://deploy.example.com', scopes: ['deploy:staging'] }
/** What jq -jcS .spec and sha256sum say. */
const digest = createHash('sha256').update(JSON.stringify(spec)).digest('hex')
const ready = {
  type: 'Ready',
  status: 'True',
  reason: 'Ready',
  message: 'Fine.',
  observedGeneration: 3,
  lastTransitionTime: '2026-03-01T12:00:00Z',
}

function policy(changes: object = {}): KubeObject {
  return { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenPolicy', metadata, spec, ...changes }
}

function provider(changes: object = {}): KubeObject {
  const what = { builtin: {}, audiences: [spec.audience], scopes: spec.scopes }
  return { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'ClusterTokenProvider', metadata, spec: what, ...changes }
}

describe('parsePolicy', () => {
  it('takes name, generation, version and spec, with the defaults of the kind', () => {
    expect(parsePolicy(policy())).toEqual({
      resourceVersion: '7',
      ready: undefined,
      access: {
        kind: 'TokenPolicy',
        namespace: 'payments',
        name: 'deploy',
        uid: 'u1',
        generation: 3,
        digest,
        provider: 'builtin',
        isSuspended: false,
        marks: { revoked: undefined, suspendedBy: undefined },
      },
      value: {
        kind: 'TokenPolicy',
        name: 'deploy',
        namespace: 'payments',
        uid: 'u1',
        generation: 3,
        digest,
        spec: {
          ...spec,
          providerRef: { name: 'builtin' },
          ttl: '5m',
          allowLongerUpstream: false,
          mode: 'Enforce',
          suspend: false,
        },
        validations: [],
      },
    })
  })

  it('finds the condition Ready among others', () => {
    const status = { conditions: [{ ...ready, type: 'Other' }, ready], observedGeneration: 3 }

    expect(parsePolicy(policy({ status })).ready).toEqual(ready)
  })

  it.each([
    ['no status', undefined],
    ['a status of another shape', { conditions: 'none' }],
    ['a condition of another shape', { conditions: [{ ...ready, lastTransitionTime: 7 }] }],
    ['other conditions only', { conditions: [{ ...ready, type: 'Other' }] }],
  ])('takes %s for none that was written', (_what, status) => {
    expect(parsePolicy(policy({ status })).ready).toBeUndefined()
  })

  it.each([
    ['no spec', undefined],
    ['an unknown field', { ...spec, priority: 1 }],
    ['no scopes', { ...spec, scopes: [] }],
    ['a star that is no whole segment', { ...spec, scopes: ['deploy:prod*'] }],
    ['a mode of a later version', { ...spec, mode: 'Warn' }],
  ])('throws for %s', (_what, wrong) => {
    expect(() => parsePolicy(policy({ spec: wrong }))).toThrow(ZodError)
  })
})

describe('parseProvider', () => {
  const lifetime = { minSeconds: 60, maxSeconds: 3600, isAdjustable: true, isRevocable: false }

  it('takes name, generation, version and spec, with the defaults of the kind', () => {
    expect(parseProvider(provider(), () => lifetime)).toMatchObject({
      resourceVersion: '7',
      value: {
        name: 'deploy',
        uid: 'u1',
        generation: 3,
        spec: {
          builtin: { algorithm: 'RS256', tokenType: 'at+jwt' },
          limits: { maxTTL: '15m', secretDelivery: false },
          suspend: false,
        },
        lifetime,
      },
    })
  })

  it('throws for a provider of a later version', () => {
    expect(() =>
      parseProvider(provider({ spec: { okta: {}, audiences: ['a'], scopes: ['b'] } }), () => lifetime),
    ).toThrow(ZodError)
  })
})

describe('parseClusterPolicy', () => {
  const forMany = (more: object) => policy({ kind: 'ClusterTokenPolicy', spec: { ...spec, ...more } })

  it('keeps the selector apart from what every policy has', () => {
    const namespaceSelector = { matchLabels: { team: 'a' } }

    const { value } = parseClusterPolicy(forMany({ namespaceSelector }))

    expect(value).toMatchObject({ kind: 'ClusterTokenPolicy', name: 'deploy', namespace: '', namespaceSelector })
    expect(value.spec).not.toHaveProperty('namespaceSelector')
  })

  it('throws for a selector of a later version, which it must not take for none', () => {
    expect(() => parseClusterPolicy(forMany({ namespaceSelector: { matchNames: ['payments'] } }))).toThrow(ZodError)
  })
})
