import { describe, expect, it } from 'vitest'
import { KubeError, resources } from '../../../../core/io/kube/api.ts'
import { KubeUnreachable } from '../../../../core/io/kube/failure.ts'
import { createRetry } from '../../../../core/io/kube/retry.ts'
import { answerJson, inTurn, noDelay } from '../scripted-server.ts'
import { answerPod, pod, ref, refuse, type Script, setUp, signal } from './client-scene.ts'

describe('retries', () => {
  const flaky = (...statuses: readonly number[]): Script =>
    inTurn(
      ...statuses.map((status) => (response: Parameters<typeof answerJson>[0]) => answerJson(response, status, {})),
      (response) => answerJson(response, 200, pod),
    )

  it('reads again on 429 and 5xx, with growing waits', async (context) => {
    const { client, asked } = await setUp(context, flaky(429, 500, 503))

    expect(await client.get(resources.pods, ref, signal)).toEqual(pod)
    expect(asked).toEqual([100, 200, 400])
  })

  it('gives up after four tries, with the last refusal', async (context) => {
    const { client, seen } = await setUp(context, refuse(500))

    await expect(client.get(resources.pods, ref, signal)).rejects.toMatchObject({ status: 500 })
    expect(seen).toHaveLength(4)
  })

  it('reads again after a connection that broke', async (context) => {
    const { client } = await setUp(
      context,
      inTurn(
        (response) => void response.socket?.destroy(),
        (response) => {
          response.writeHead(200, { 'content-length': '100' })
          response.write('{')
          setImmediate(() => response.socket?.destroy())
        },
        (response) => answerJson(response, 200, pod),
      ),
    )

    expect(await client.get(resources.pods, ref, signal)).toEqual(pod)
  })

  it('waits as long as the server asks', async (context) => {
    const { client, asked } = await setUp(
      context,
      inTurn(
        (response) => answerJson(response, 429, {}, { 'retry-after': '3' }),
        (response) => answerJson(response, 200, pod),
      ),
    )

    await client.get(resources.pods, ref, signal)

    expect(asked).toEqual([3100])
  })

  it('gives the answer on when the server asks for more than ten seconds', async (context) => {
    const { client, seen } = await setUp(context, refuse(429, { 'retry-after': '11' }))

    await expect(client.get(resources.pods, ref, signal)).rejects.toMatchObject({ retryAfterSeconds: 11 })
    expect(seen).toHaveLength(1)
  })

  it.for([400, 403, 409, 422])('does not read again on %i', async (status, context) => {
    const { client, seen } = await setUp(context, refuse(status))

    await expect(client.list(resources.pods, {}, signal)).rejects.toMatchObject({ status })
    expect(seen).toHaveLength(1)
  })

  it('writes again on 429 only', async (context) => {
    const { client, seen } = await setUp(context, flaky(429, 500))

    await expect(client.create(resources.pods, pod, signal)).rejects.toMatchObject({ status: 500 })
    expect(seen).toHaveLength(2)
  })

  it('does not write again after a connection that broke', async (context) => {
    const { client, seen } = await setUp(context, (_, response) => void response.socket?.destroy())

    await expect(client.create(resources.pods, pod, signal)).rejects.toThrow(KubeUnreachable)
    expect(seen).toHaveLength(1)
  })

  it('ends with the reason of the caller, without another try', async (context) => {
    const caller = new AbortController()
    const { client, seen } = await setUp(context, () => caller.abort(new RangeError('enough')))

    await expect(client.get(resources.pods, ref, caller.signal)).rejects.toThrow(RangeError)
    expect(seen).toHaveLength(1)
  })

  it('does not try again when it was closed', async (context) => {
    const { client, asked } = await setUp(context, answerPod)
    await client.get(resources.pods, ref, signal)
    await client.close()

    await expect(client.get(resources.pods, ref, signal)).rejects.toThrow(/UND_ERR_DESTROYED/)
    expect(asked).toEqual([])
  })

  it('takes new credentials once, then passes the 401 on', async () => {
    const retry = createRetry({ delay: noDelay().delay, random: () => 1, renew: () => true })
    let tries = 0

    const ended = retry({ method: 'POST', path: '/x', isRead: false }, signal, () => {
      tries += 1
      return Promise.reject(new KubeError(401, 'Unauthorized', 'no'))
    })

    await expect(ended).rejects.toMatchObject({ status: 401 })
    expect(tries).toBe(2)
  })
})
