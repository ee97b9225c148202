import { describe, expect, it } from 'vitest'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { Secret } from '../../../core/secret.ts'
import { readPolicies } from '../../../custom-task/webhook/policy-facts.ts'
import { startKube } from '../../fakes/kube/server.ts'

const api = { apiVersion: 'tokenbroker.dev/v1alpha1' }
const builtin = { audiences: ['https://a'], scopes: ['s'], limits: { maxTTL: '15m' }, builtin: {} }

describe('readPolicies', () => {
  it('says audience, scopes and the kind of the provider, and leaves out what does not exist', async ({
    onTestFinished,
  }) => {
    const kube = await startKube()
    const client = createKubeClient({ credentials: { server: kube.url, token: new Secret(kube.adminToken) } })
    onTestFinished(async () => {
      await client.close()
      await kube.close()
    })
    const spec = { audience: 'https://a', scopes: ['s'] }
    for (const [name, more] of [
      ['plain', {}],
      ['foreign', { providerRef: { name: 'corp' } }],
      ['orphan', { providerRef: { name: 'nowhere' } }],
      ['glob', { scopes: ['s', 'deploy:*'] }],
    ] as const) {
      const metadata = { name, namespace: 'payments' }
      kube.objects.create({ ...api, kind: 'TokenPolicy', metadata, spec: { ...spec, ...more } })
    }
    for (const name of ['builtin', 'corp']) {
      kube.objects.create({ ...api, kind: 'ClusterTokenProvider', metadata: { name }, spec: builtin })
    }
    for (const name of ['plain', 'shared']) {
      const forMany = { ...spec, audience: 'https://many' }
      kube.objects.create({ ...api, kind: 'ClusterTokenPolicy', metadata: { name }, spec: forMany })
    }
    const names = ['plain', 'foreign', 'orphan', 'missing', 'shared', 'glob']
    const found = await readPolicies('payments', names, client, AbortSignal.timeout(10_000))

    expect(Object.fromEntries(found)).toEqual({
      plain: { ...spec, provider: 'builtin' },
      foreign: { ...spec, provider: 'builtin' },
      orphan: { ...spec, provider: undefined },
      glob: { ...spec, scopes: [], provider: 'builtin' },
      shared: { ...spec, audience: 'https://many', provider: 'builtin' },
    })
  })
})
