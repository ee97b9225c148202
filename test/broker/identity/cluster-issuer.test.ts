import { describe, expect, it } from 'vitest'
import { publishedIssuer } from '../../../broker/identity/cluster-issuer.ts'
import { signal } from './identity-fixture.ts'

/** An API server that gives one answer after the other, the last one again and again. */
function serverOf(...answers: readonly (() => unknown)[]) {
  const waited: number[] = []
  let asked = 0
  return {
    waited,
    ask: (until: AbortSignal = signal) =>
      publishedIssuer(
        {
          kube: { getJson: async () => answers[Math.min(asked++, answers.length - 1)]?.() },
          setting: 'clusters.0.issuer',
          delay: async (ms) => void waited.push(ms),
        },
        until,
      ),
  }
}

const down = () => {
  throw new TypeError('connect ECONNREFUSED')
}

describe('publishedIssuer', () => {
  it('is what the API server publishes, which is waited for', async () => {
    const server = serverOf(down, down, () => ({ issuer: 'https://kubernetes.default.svc', jwks_uri: 'x' }))

    expect(await server.ask()).toBe('https://kubernetes.default.svc')
    expect(server.waited).toEqual([2000, 2000])
  })

  it.each<[string, () => unknown]>([
    ['no API server', down],
    ['no issuer', () => ({})],
    ['an empty issuer', () => ({ issuer: '' })],
    ['another kind of document', () => 'https://kubernetes.default.svc'],
  ])('names the setting in the end where there is %s', async (_what, answer) => {
    const server = serverOf(answer)

    await expect(server.ask()).rejects.toThrow('clusters.0.issuer is not set, and the API server does not publish it')
    expect(server.waited).toHaveLength(9)
  })

  it('stops when the broker does', async () => {
    const stopped = AbortSignal.abort(new Error('stopping'))

    await expect(serverOf(down).ask(stopped)).rejects.toThrow('stopping')
  })
})
