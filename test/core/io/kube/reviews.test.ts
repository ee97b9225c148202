import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { KubeUnreachable } from '../../../../core/io/kube/failure.ts'
import { Secret } from '../../../../core/secret.ts'
import { answerJson, inTurn } from '../scripted-server.ts'
import { setUp, signal } from './client-scene.ts'

describe('reviews', () => {
  it('asks about a token and an audience', async (context) => {
    const status = {
      authenticated: true,
      audiences: ['https://broker'],
      user: { username: 'system:serviceaccount:ci:default', uid: 'u', groups: ['g'], extra: { 'a/b': ['c'] } },
    }
    const { client, seen } = await setUp(context, (_, response) => answerJson(response, 201, { status }))

    const result = await client.tokenReview(new Secret('subject'), 'https://broker', signal)

    const { authenticated: isAuthenticated, ...rest } = status
    expect(result).toEqual({ isAuthenticated, ...rest, error: undefined })
    expect(seen[0]?.path).toBe('/apis/authentication.k8s.io/v1/tokenreviews')
    expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({ spec: { token: 'subject', audiences: ['https://broker'] } })
  })

  it('tells a refused token with the words of the server', async (context) => {
    const { client } = await setUp(context, (_, response) =>
      answerJson(response, 201, { status: { user: {}, error: 'expired' } }),
    )

    expect(await client.tokenReview(new Secret('subject'), 'aud', signal)).toEqual({
      isAuthenticated: false,
      audiences: [],
      user: { username: '', uid: '', groups: [], extra: {} },
      error: 'expired',
    })
  })

  it.for<[object, boolean]>([
    [{ allowed: true, reason: 'RBAC' }, true],
    [{ allowed: false }, false],
    [{}, false],
    [{ allowed: true, denied: true }, false],
    [{ allowed: true, evaluationError: 'webhook down' }, false],
  ])('takes the access review %j for %j', async ([status, isAllowed], context) => {
    const { client, seen } = await setUp(context, (_, response) => answerJson(response, 201, { status }))
    const resource = {
      namespace: 'ci',
      verb: 'exchange',
      group: 'tokenbroker.dev',
      resource: 'tokenscopes',
      name: 'a:b',
    }

    const result = await client.subjectAccessReview({ user: 'x', groups: ['g'], ...resource }, signal)

    expect(result.isAllowed).toBe(isAllowed)
    expect(JSON.parse(seen[0]?.body ?? '').spec).toEqual({ user: 'x', groups: ['g'], resourceAttributes: resource })
  })

  it('is tried again like a read', async (context) => {
    const { client } = await setUp(
      context,
      inTurn(
        (response) => void response.socket?.destroy(),
        (response) => answerJson(response, 201, { status: { authenticated: true } }),
      ),
    )

    expect((await client.tokenReview(new Secret('subject'), 'aud', signal)).isAuthenticated).toBe(true)
  })

  it('throws on an answer that is no review, without the token', async (context) => {
    const { client } = await setUp(context, (_, response) =>
      answerJson(response, 201, { status: { authenticated: 'yes' } }),
    )

    const error = await client.tokenReview(new Secret('subject-token'), 'aud', signal).catch((e: unknown) => e)

    expect(error).toBeInstanceOf(KubeUnreachable)
    expect(inspect(error, { depth: 9 })).not.toContain('subject-token')
  })
})
