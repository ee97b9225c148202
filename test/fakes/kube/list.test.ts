import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Call, caller } from './call.ts'
import { listAt, textAt } from './json.ts'
import { type FakeKube, startKube } from './server.ts'

const secrets = '/api/v1/namespaces/payments/secrets'

function names(body: unknown): readonly (string | undefined)[] {
  return listAt(body, 'items').map((item) => textAt(item, 'metadata', 'name'))
}

describe('lists', () => {
  let kube: FakeKube
  let call: Call

  beforeAll(async () => {
    kube = await startKube()
    call = caller(kube)
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const labels = { name, ...(name < 'c' ? { tier: 'low' } : {}) }
      kube.objects.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'payments', labels } })
    }
    kube.objects.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a', namespace: 'other' } })
  })
  afterAll(() => kube.close())

  it.each([
    ['labelSelector=tier%3Dlow', ['a', 'b']],
    ['labelSelector=tier!%3Dlow', ['c', 'd', 'e']],
    ['labelSelector=tier', ['a', 'b']],
    ['labelSelector=!tier', ['c', 'd', 'e']],
    ['labelSelector=name in (a, e),tier', ['a']],
    ['labelSelector=name notin (a,b)', ['c', 'd', 'e']],
    ['fieldSelector=metadata.name%3Db', ['b']],
    ['fieldSelector=metadata.name%3Db,metadata.namespace%3Dother', []],
    ['', ['a', 'b', 'c', 'd', 'e']],
  ])('selects by ?%s', async (query, expected) => {
    const { body } = await call('GET', `${secrets}?${query}`)

    expect(names(body)).toEqual(expected)
  })

  it.each(['labelSelector=a b', 'fieldSelector=spec.color%3Dred', 'limit=-1', 'resourceVersion=x'])(
    'refuses ?%s',
    async (query) => {
      expect((await call('GET', `${secrets}?${query}`)).status).toBe(400)
    },
  )

  it('pages through the state of the first page', async () => {
    const first = await call('GET', `${secrets}?limit=2`)
    const token = textAt(first.body, 'metadata', 'continue')
    kube.objects.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'bb', namespace: 'payments' } })
    const second = await call('GET', `${secrets}?limit=2&continue=${token}`)
    const third = await call('GET', `${secrets}?limit=2&continue=${textAt(second.body, 'metadata', 'continue')}`)
    kube.objects.delete(
      { group: '', version: 'v1', plural: 'secrets', isNamespaced: true },
      { namespace: 'payments', name: 'bb' },
    )

    expect([names(first.body), names(second.body), names(third.body)]).toEqual([['a', 'b'], ['c', 'd'], ['e']])
    expect(textAt(third.body, 'metadata', 'continue')).toBeUndefined()
    expect(new Set([first, second, third].map(({ body }) => textAt(body, 'metadata', 'resourceVersion'))).size).toBe(1)
  })

  it('answers 410 to a continue token from before a compaction', async () => {
    const first = await call('GET', `${secrets}?limit=2`)
    kube.faults.compact()
    const second = await call('GET', `${secrets}?limit=2&continue=${textAt(first.body, 'metadata', 'continue')}`)

    expect(second).toMatchObject({ status: 410, body: { reason: 'Expired' } })
  })

  it('lists across namespaces, built-in items without kind and custom ones with it', async () => {
    const { body } = await call('GET', '/api/v1/secrets')
    const runs = kube.objects.create({
      apiVersion: 'tekton.dev/v1beta1',
      kind: 'CustomRun',
      metadata: { name: 'token', namespace: 'payments' },
      spec: { customRef: { apiVersion: 'a/v1', kind: 'B' } },
    })
    const custom = await call('GET', '/apis/tekton.dev/v1beta1/customruns')

    expect(names(body)).toEqual(['a', 'a', 'b', 'c', 'd', 'e'])
    expect(listAt(body, 'items')[0]).not.toHaveProperty('kind')
    expect(listAt(custom.body, 'items')[0]).toEqual(runs)
  })
})
