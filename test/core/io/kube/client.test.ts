import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { KubeError, type PatchOptions, resources } from '../../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../../core/io/kube/client.ts'
import { KubeUnreachable } from '../../../../core/io/kube/failure.ts'
import { Secret } from '../../../../core/secret.ts'
import { answerJson, inTurn } from '../scripted-server.ts'
import { answerPod, pod, ref, refuse, setUp, signal } from './client-scene.ts'

describe('get', () => {
  it('reads an object, without managed fields', async (context) => {
    const managed = { ...pod, metadata: { ...pod.metadata, managedFields: [{}] } }
    const { client, seen } = await setUp(context, (_, response) => answerJson(response, 200, managed))

    expect(await client.get(resources.pods, ref, signal)).toEqual(pod)
    expect(seen[0]).toMatchObject({ method: 'GET', path: '/api/v1/namespaces/ci/pods/a' })
  })

  it('is undefined when there is no such object', async (context) => {
    const { client } = await setUp(context, refuse(404))

    expect(await client.get(resources.pods, ref, signal)).toBeUndefined()
  })

  it('keeps the path prefix of the server', async (context) => {
    const { client, server, seen } = await setUp(context, answerPod)
    const behind = createKubeClient({ credentials: { server: `${server.url}/k8s/clusters/c1/` } })
    context.onTestFinished(() => behind.close())

    await behind.get(resources.pods, ref, signal)
    await client.get(resources.pods, ref, signal)

    expect(seen.map(({ path }) => path)).toEqual([
      '/k8s/clusters/c1/api/v1/namespaces/ci/pods/a',
      '/api/v1/namespaces/ci/pods/a',
    ])
  })

  it('keeps its sockets for the next calls', async (context) => {
    const { client, server } = await setUp(context, answerPod)

    for (let i = 0; i < 20; i += 1) await client.get(resources.pods, ref, signal)

    expect(server.connections()).toBeLessThanOrEqual(2)
  })

  it.for([
    ['no JSON', '<html>'],
    ['no object', '[]'],
    ['an object without metadata', '{}'],
  ])('throws KubeUnreachable for %s', async ([_, text], context) => {
    const { client } = await setUp(context, (_request, response) => void response.end(text))

    await expect(client.get(resources.pods, ref, signal)).rejects.toThrow(KubeUnreachable)
  })

  it('does not follow a redirect', async (context) => {
    const { client, seen } = await setUp(context, (_, response) =>
      answerJson(response, 307, {}, { location: 'http://127.0.0.1:1/' }),
    )

    await expect(client.get(resources.pods, ref, signal)).rejects.toMatchObject({ status: 307 })
    expect(seen).toHaveLength(1)
  })

  it('names method, path and reason in its error, and nothing that was sent or answered', async (context) => {
    const { client } = await setUp(context, refuse(403), { credentials: { token: new Secret('bearer-token') } })

    const error = await client.get(resources.pods, ref, signal).catch((failure: unknown) => failure)

    expect(error).toBeInstanceOf(KubeError)
    expect(error).toMatchObject({
      status: 403,
      reason: 'Forbidden',
      message: 'GET /api/v1/namespaces/ci/pods/a was answered 403 Forbidden',
    })
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/credential inside|bearer-token/)
  })
})

describe('writes', () => {
  it.for<[PatchOptions, string, string, string]>([
    [{ type: 'merge' }, 'application/merge-patch+json', '', ''],
    [{ type: 'json', subresource: 'status' }, 'application/json-patch+json', '/status', ''],
    [
      { type: 'apply', fieldManager: 'controller', subresource: 'status' },
      'application/apply-patch+yaml',
      '/status',
      'fieldManager=controller&force=true',
    ],
  ])('patches with %j', async ([options, contentType, suffix, query], context) => {
    const { client, seen } = await setUp(context, answerPod)

    expect(await client.patch(resources.pods, ref, { a: 1 }, options, signal)).toEqual(pod)

    expect(seen[0]).toMatchObject({
      method: 'PATCH',
      path: `/api/v1/namespaces/ci/pods/a${suffix}`,
      headers: { 'content-type': contentType },
      body: '{"a":1}',
    })
    expect(seen[0]?.query.toString()).toBe(query)
  })

  it('does not apply without a field manager', async (context) => {
    const { client, seen } = await setUp(context, answerPod)

    await expect(client.patch(resources.pods, ref, {}, { type: 'apply' }, signal)).rejects.toThrow(TypeError)
    expect(seen).toEqual([])
  })

  it('creates in the namespace of the object', async (context) => {
    const { client, seen } = await setUp(context, (_, response) => answerJson(response, 201, pod))

    await client.create(resources.pods, { kind: 'Pod', metadata: { namespace: 'ci', name: 'a' } }, signal)

    expect(seen[0]).toMatchObject({
      method: 'POST',
      path: '/api/v1/namespaces/ci/pods',
      headers: { 'content-type': 'application/json' },
    })
    await expect(client.create(resources.pods, { metadata: { name: 'a' } }, signal)).rejects.toThrow(TypeError)
  })

  it('deletes one object, not another of its name', async (context) => {
    const { client, seen } = await setUp(context, (_, response) => answerJson(response, 200, { kind: 'Status' }))

    await client.delete(resources.pods, { ...ref, uid: 'u' }, signal)

    expect(seen[0]).toMatchObject({ method: 'DELETE', path: '/api/v1/namespaces/ci/pods/a' })
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ propagationPolicy: 'Background', preconditions: { uid: 'u' } })
  })

  it('takes what is gone for deleted, and says when another object has the name', async (context) => {
    const { client } = await setUp(
      context,
      inTurn(
        (r) => answerJson(r, 404, {}),
        (r) => answerJson(r, 409, {}),
      ),
    )

    await client.delete(resources.pods, ref, signal)

    await expect(client.delete(resources.pods, ref, signal)).rejects.toMatchObject({ status: 409, reason: 'Conflict' })
  })
})

describe('getJson', () => {
  it('reads a path of the API server', async (context) => {
    const { client, seen } = await setUp(context, (_, response) => answerJson(response, 200, { keys: [] }))

    expect(await client.getJson('/openid/v1/jwks', signal)).toEqual({ keys: [] })
    expect(seen[0]?.path).toBe('/openid/v1/jwks')
  })

  it('refuses more than 256 KiB, at the first try', async (context) => {
    const { client, seen } = await setUp(context, (_, response) => answerJson(response, 200, 'x'.repeat(256 * 1024)))

    await expect(client.getJson('/openid/v1/jwks', signal)).rejects.toMatchObject({ cause: { name: 'BodyTooLarge' } })
    expect(seen).toHaveLength(1)
  })

  it.each(['openid', '/../x', '/a/../b', '/a?b', '//host/x', '/a b', ''])('refuses the path %j', async (path) => {
    const client = createKubeClient({ credentials: { server: 'http://127.0.0.1:1' } })

    await expect(client.getJson(path, signal)).rejects.toThrow(TypeError)
    await client.close()
  })
})
