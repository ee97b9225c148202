import { describe, expect, it } from 'vitest'
import { resources } from '../../../../core/io/kube/api.ts'
import { KubeUnreachable } from '../../../../core/io/kube/failure.ts'
import { answerJson } from '../scripted-server.ts'
import { setUp, signal } from './client-scene.ts'

describe('list', () => {
  const item = (name: string) => ({ metadata: { name, uid: name, resourceVersion: '1', managedFields: [] } })

  function page(names: readonly string[], more = '') {
    const metadata = { resourceVersion: '7', continue: more }
    return { apiVersion: 'v1', kind: 'PodList', metadata, items: names.map(item) }
  }

  it('reads all pages, and gives items the kind that lists leave out', async (context) => {
    const { client, seen } = await setUp(context, ({ query }, response) =>
      answerJson(response, 200, query.get('continue') === 'next' ? page(['b']) : page(['a'], 'next')),
    )

    const listed = await client.list(resources.pods, { namespace: 'ci', labelSelector: 'a=b' }, signal)

    const metadata = { uid: expect.any(String), resourceVersion: '1' }
    expect(listed).toEqual({
      resourceVersion: '7',
      items: ['a', 'b'].map((name) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, ...metadata } })),
    })
    expect(seen.map(({ query }) => query.toString())).toEqual([
      'labelSelector=a%3Db&limit=500',
      'labelSelector=a%3Db&limit=500&continue=next',
    ])
  })

  it('begins anew when the continue token has expired, and at last asks for everything at once', async (context) => {
    const { client, seen } = await setUp(context, ({ query }, response) => {
      if (query.has('continue')) answerJson(response, 410, { reason: 'Expired' })
      else answerJson(response, 200, query.has('limit') ? page(['a'], 'next') : page(['a', 'b']))
    })

    const { items } = await client.list(resources.pods, {}, signal)

    expect(items).toHaveLength(2)
    expect(seen.map(({ query }) => query.toString())).toEqual([
      'limit=500',
      'limit=500&continue=next',
      'limit=500',
      'limit=500&continue=next',
      '',
    ])
  })

  it('takes null for an empty list', async (context) => {
    const { client } = await setUp(context, (_, response) => answerJson(response, 200, { ...page([]), items: null }))

    expect((await client.list(resources.pods, {}, signal)).items).toEqual([])
  })

  it.for([{}, { items: {} }, { metadata: { resourceVersion: '1' }, items: [{}] }, { items: [] }])(
    'refuses %j',
    async (body, context) => {
      const { client } = await setUp(context, (_, response) => answerJson(response, 200, body))

      await expect(client.list(resources.pods, {}, signal)).rejects.toThrow(KubeUnreachable)
    },
  )
})
