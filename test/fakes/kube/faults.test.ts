import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Call, caller } from './call.ts'
import { tokenPolicy } from './fixtures.ts'
import { type FakeKube, startKube } from './server.ts'

const pods = '/api/v1/namespaces/default/pods'
const policies = '/apis/tokenbroker.dev/v1alpha1/namespaces/default/tokenpolicies'

describe('faults', () => {
  let kube: FakeKube
  let call: Call

  beforeAll(async () => {
    kube = await startKube()
    call = caller(kube)
  })
  afterEach(() => {
    kube.faults.clear()
    kube.forgetRequests()
  })
  afterAll(() => kube.close())

  it('answers the next matching requests with an error and Retry-After', async () => {
    kube.faults.next({ resource: 'pods', verb: 'list' }, { kind: 'answer', status: 429, retryAfterSeconds: 3 }, 2)

    const other = await call('GET', policies)
    const [first, second, third] = [await call('GET', pods), await call('GET', pods), await call('GET', pods)]

    expect([other.status, first.status, second.status, third.status]).toEqual([200, 429, 429, 200])
    expect(first.headers.get('retry-after')).toBe('3')
    expect(first.body).toMatchObject({ reason: 'TooManyRequests', details: { retryAfterSeconds: 3 } })
  })

  it('never answers a request that hangs, and takes a plan back', async () => {
    const giveUp = new AbortController()
    kube.faults.next({ resource: 'pods' }, { kind: 'hang' })
    const hanging = call('GET', pods, { signal: giveUp.signal })
    kube.faults.next({ resource: 'pods' }, { kind: 'hang' })()
    const { status } = await call('GET', policies)
    giveUp.abort()

    expect(status).toBe(200)
    await expect(hanging).rejects.toThrow()
  })

  it('cuts before anything is done, or loses the answer of what was done', async () => {
    const body = { ...tokenPolicy, metadata: { name: 'cut' } }
    kube.faults.next({ verb: 'create' }, { kind: 'cut' })
    await expect(call('POST', policies, { body })).rejects.toThrow()
    const cut = await call('GET', `${policies}/cut`)
    kube.faults.next({ verb: 'create' }, { kind: 'lose' })
    await expect(call('POST', policies, { body })).rejects.toThrow()
    const lost = await call('GET', `${policies}/cut`)

    expect([cut.status, lost.status]).toEqual([404, 200])
  })

  it('delays', async () => {
    kube.faults.next({ resource: 'pods' }, { kind: 'delay', ms: 20 })

    expect((await call('GET', pods)).status).toBe(200)
  })

  it('remembers who asked what and what was answered', async () => {
    await call('GET', pods)
    await caller(kube, null)('GET', `${pods}/nothing`)

    const seen = kube.requests({ resource: 'pods' }).map(({ info, username, status }) => [info.verb, username, status])
    expect(seen).toEqual([
      ['list', 'kubernetes-admin', 200],
      ['get', 'system:anonymous', 403],
    ])
  })
})
