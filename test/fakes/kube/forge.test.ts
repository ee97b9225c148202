import { describe, expect, it } from 'vitest'
import { createForge, forgeries, forgeryNames } from './forge.ts'
import { startKube } from './server.ts'

const audience = 'https://broker.example.com'
const pod = { namespace: 'payments', serviceAccount: 'deployer', pod: 'rollout', audience }

async function clusterWithPod() {
  const kube = await startKube()
  const metadata = { name: 'deployer', namespace: 'payments' }
  kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata })
  kube.objects.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'rollout', namespace: 'payments' },
    spec: { serviceAccountName: 'deployer', nodeName: 'node1' },
  })
  return kube
}

describe('createForge', () => {
  it('makes tokens of which TokenReview takes exactly those that only a broker can refuse', async () => {
    await using kube = await clusterWithPod()
    const forge = await createForge(kube, pod)

    const verdicts = await Promise.all(
      forgeryNames.map(async (name) => {
        const answer = await fetch(`${kube.url}/apis/authentication.k8s.io/v1/tokenreviews`, {
          method: 'POST',
          headers: { authorization: `Bearer ${kube.adminToken}`, 'content-type': 'application/json' },
          body: JSON.stringify({
            apiVersion: 'authentication.k8s.io/v1',
            kind: 'TokenReview',
            spec: { token: forge(name), audiences: [audience] },
          }),
        })
        const { status } = (await answer.json()) as { readonly status: { readonly authenticated?: boolean } }
        return [name, status.authenticated === true]
      }),
    )

    const expected = forgeryNames.map((name) => [name, forgeries[name].passesTokenReview])
    expect(Object.fromEntries(verdicts)).toEqual(Object.fromEntries(expected))
  })
})
