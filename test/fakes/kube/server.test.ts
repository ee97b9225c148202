import { createLocalJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { startKube } from './server.ts'

describe('startKube', () => {
  it('reviews a projected token that jose verifies against the published keys', async () => {
    await using kube = await startKube()
    kube.objects.create({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'deployer', namespace: 'payments' },
    })
    kube.objects.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'rollout', namespace: 'payments' },
      spec: { serviceAccountName: 'deployer', nodeName: 'node1' },
    })

    const token = kube.projectToken({
      namespace: 'payments',
      serviceAccount: 'deployer',
      pod: 'rollout',
      audience: 'https://broker',
    })
    const headers = { authorization: `Bearer ${kube.adminToken}`, 'content-type': 'application/json' }
    const keys = (await (await fetch(`${kube.url}/openid/v1/jwks`, { headers })).json()) as Parameters<
      typeof createLocalJWKSet
    >[0]
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
      issuer: kube.url,
      audience: 'https://broker',
    })
    const review = await fetch(`${kube.url}/apis/authentication.k8s.io/v1/tokenreviews`, {
      method: 'POST',
      headers,
      body: JSON.stringify({
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token, audiences: ['https://broker'] },
      }),
    })

    expect(payload.sub).toBe('system:serviceaccount:payments:deployer')
    expect(review.status).toBe(201)
    expect(await review.json()).toMatchObject({
      status: {
        authenticated: true,
        audiences: ['https://broker'],
        user: {
          username: payload.sub,
          extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${payload.jti}`] },
        },
      },
    })
  })
})
