import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { type RunningServer, startServer } from '../../../core/io/http-server.ts'
import type { DeliveryReport, DeliveryStatus } from '../../../custom-task/sidecar/delivery.ts'
import { createHealth } from '../../../custom-task/sidecar/health.ts'
import { judgeReadiness } from '../../../custom-task/sidecar/readiness.ts'

let server: RunningServer

/** An address of this machine by which a caller does not come from loopback. */
const outsideAddress = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find((one) => !one.internal && one.family === 'IPv4')?.address

afterEach(() => server.close(0))

function report(status: DeliveryStatus, isOptional = false): DeliveryReport {
  const message = status === 'ready' ? undefined : 'Mend it'
  return { policy: 'deploy', name: 'deploy', status, isOptional, message, exchangeId: 'e-1' }
}

async function get(reports: readonly DeliveryReport[], path: string, method = 'GET') {
  server = await startServer(
    createHealth(() => reports),
    { address: '127.0.0.1', port: 0 },
  )
  const response = await fetch(`${server.url}${path}`, { method })
  return { status: response.status, body: method === 'HEAD' ? undefined : await response.json() }
}

describe('createHealth', () => {
  it.each<[string, DeliveryReport[], number, string]>([
    ['every token is there', [report('ready'), report('ready')], 200, 'ready'],
    ['one is asked for', [report('ready'), report('waiting')], 503, 'waiting'],
    ['a person decides', [report('pending')], 503, 'waiting'],
    ['the broker is down', [report('unavailable')], 503, 'waiting'],
    ['one is refused', [report('waiting'), report('refused')], 503, 'refused'],
    ['an optional one is refused', [report('ready'), report('refused', true)], 200, 'ready'],
    ['an optional one cannot be had', [report('unavailable', true)], 200, 'ready'],
    ['an optional one is asked for', [report('waiting', true)], 503, 'waiting'],
    ['a person decides about an optional one', [report('pending', true)], 503, 'waiting'],
  ])('says on /readyz whether %s', async (_, reports, status, word) => {
    const got = await get(reports, '/readyz')

    expect(got).toMatchObject({ status, body: { status: word } })
    expect(judgeReadiness(got.body).kind).toBe(word)
  })

  it('tells those inside the pod why', async () => {
    const { body } = await get([report('refused')], '/readyz')

    expect(body).toEqual({
      status: 'refused',
      policies: [
        {
          policy: 'deploy',
          name: 'deploy',
          status: 'refused',
          optional: false,
          message: 'Mend it',
          exchange_id: 'e-1',
        },
      ],
    })
    expect(judgeReadiness(body).sentences).toEqual(['deploy is refused: Mend it (exchange e-1)'])
  })

  it.skipIf(outsideAddress === undefined)('tells nobody else', async () => {
    server = await startServer(
      createHealth(() => [report('refused')]),
      { address: '0.0.0.0', port: 0 },
    )
    const response = await fetch(`http://${outsideAddress}:${server.port}/readyz`)

    expect(await response.json()).toEqual({ status: 'refused' })
    expect(response.status).toBe(503)
  })

  it.each([
    ['/livez', 'GET', 200],
    ['/livez', 'HEAD', 200],
    ['/readyz', 'HEAD', 503],
    ['/readyz', 'POST', 405],
    ['/token', 'GET', 404],
    ['/', 'GET', 404],
  ])('answers %s %s with %i', async (path, method, status) => {
    expect(await get([report('refused')], path, method)).toMatchObject({ status })
  })
})

describe('judgeReadiness', () => {
  it.each([undefined, null, 'ready', {}, { status: 'fine' }, { status: 'ready', policies: 'none' }])(
    'does not take %j for a sidecar',
    async (body) => {
      server = await startServer(() => undefined, { address: '127.0.0.1', port: 0 })
      expect(judgeReadiness(body)).toMatchObject({ kind: 'waiting' })
    },
  )
})
