import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LiveGrant } from '../../../broker/audit/grant-book.ts'
import { createLiveGrants } from '../../../broker/audit/live-grants.ts'

const start = Date.parse('2026-08-18T10:00:00.000Z')

function grant(change: Partial<LiveGrant> = {}): LiveGrant {
  return {
    jti: 'j1',
    exchangeId: 'j1',
    subject: 'payments/release',
    audience: 'https://deploy.example.com',
    scope: ['deploy:staging'],
    cluster: 'prod',
    namespace: 'payments',
    serviceAccount: 'deployer',
    podUid: 'pod-1',
    run: 'prod/payments/PipelineRun/release/run-1',
    expiresAt: new Date(start + 300_000),
    isRevoked: false,
    ...change,
  }
}

const at = (seconds: number): Date => new Date(start + seconds * 1000)

/** What one may do with the store, and what a plain list says of it. */
const step = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    jti: fc.constantFrom('a', 'b', 'c', 'd'),
    run: fc.constantFrom('r1', 'r2', undefined),
    podUid: fc.constantFrom('p1', 'p2'),
    seconds: fc.integer({ min: 1, max: 90 }),
  }),
  fc.record({ kind: fc.constant('revoke' as const), jti: fc.constantFrom('a', 'b', 'c', 'd') }),
  fc.record({ kind: fc.constant('sweep' as const), seconds: fc.integer({ min: 0, max: 120 }) }),
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

describe('createLiveGrants', () => {
  it('gives back each grant as it was put', () => {
    const grants = createLiveGrants()
    const renewed = grant({ jti: 'j2', exchangeId: 'x2', expiresAt: at(450), isRevoked: true })
    grants.put(grant())
    grants.put(renewed)

    expect(grants.get('j1')).toEqual(grant())
    expect(grants.get('j2')).toEqual(renewed)
    expect(grants.ofRun(grant().run ?? '')).toEqual([grant(), renewed])
  })

  it.each([
    ['namespace', { namespace: 'shipping' }],
    ['pod', { podUid: 'pod-2' }],
    ['scope', { scope: ['deploy:staging', 'x'] }],
    ['audience', { audience: 'https://other.example.com' }],
    ['cluster', { cluster: 'test' }],
    ['account', { serviceAccount: 'builder' }],
    ['line', { subject: 'payments/other' }],
    ['run', { run: undefined }],
  ])('keeps grants of another %s apart', (_what, change) => {
    const grants = createLiveGrants()
    const other = grant({ jti: 'j2', exchangeId: 'j2', ...change })
    grants.put(grant())
    grants.put(other)

    expect([grants.get('j1'), grants.get('j2')]).toEqual([grant(), other])
  })

  it('forgets nothing before its second, and everything within a slice behind it', () => {
    const grants = createLiveGrants()
    grants.put(grant({ expiresAt: at(7) }))

    grants.sweep(at(6))
    expect(grants.get('j1')).toBeDefined()
    grants.sweep(at(22))
    expect(grants.get('j1')).toBeUndefined()
    expect(grants.ofRun(grant().run ?? '')).toEqual([])
  })

  it('lists a token that was put again once', () => {
    const grants = createLiveGrants()
    for (const jti of ['j1', 'j2', 'j1']) grants.put(grant({ jti, exchangeId: jti }))

    expect(grants.ofRun(grant().run ?? '')).toHaveLength(2)
  })

  it('says of what lives the same as a plain list, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const both = createBoth()
        for (const one of steps) {
          both.take(one)
          both.compare()
        }
      }),
      { numRuns: 300 },
    )
  })
})

/** The store, and a plain list beside it that takes the same steps. */
function createBoth() {
  const grants = createLiveGrants()
  const list = new Map<string, LiveGrant>()
  let now = 0

  function put({ jti, run, podUid, seconds }: Extract<Step, { kind: 'put' }>): void {
    const one = grant({ jti, exchangeId: jti, run, podUid, expiresAt: at(now + seconds) })
    grants.put(one)
    list.set(jti, one)
  }

  function revoke(jti: string): void {
    grants.revoke(jti)
    const known = list.get(jti)
    if (known !== undefined) list.set(jti, { ...known, isRevoked: true })
  }

  const isLive = ({ expiresAt }: LiveGrant) => expiresAt > at(now)
  const sorted = (some: readonly LiveGrant[]) => some.filter(isLive).toSorted((a, b) => (a.jti < b.jti ? -1 : 1))

  return {
    take(one: Step) {
      if (one.kind === 'put') put(one)
      else if (one.kind === 'revoke') revoke(one.jti)
      else {
        now = Math.max(now, one.seconds)
        grants.sweep(at(now))
      }
    },
    compare() {
      const live = [...list.values()].filter(isLive)
      for (const each of live) expect(grants.get(each.jti)).toEqual(each)
      for (const run of ['r1', 'r2']) {
        expect(sorted(grants.ofRun(run))).toEqual(sorted(live.filter((each) => each.run === run)))
      }
    },
  }
}
