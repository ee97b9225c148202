import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { bundleOf, type Held, readHeld, writeHeld } from '../../../custom-task/certificates/held.ts'
import { rotate, schedule } from '../../../custom-task/certificates/rotate.ts'

const dayMs = 86_400_000
const start = Date.UTC(2026, 0, 1)
const servers = { broker: ['tokenbroker.a.svc', 'tokenbroker-discovery.a.svc'], webhook: ['tokenbroker-webhook.a.svc'] }
const nothing: Held = { current: undefined, next: undefined, old: undefined, serving: {} }
const dayOf = (days: number) => new Date(start + days * dayMs)

const parsed = new Map<string, readonly X509Certificate[]>()

function authorities(bundle: string): readonly X509Certificate[] {
  const known = parsed.get(bundle)
  if (known !== undefined) return known
  const certificates = bundle.split(/(?=-----BEGIN CERTIFICATE-----)/).map((pem) => new X509Certificate(pem))
  parsed.set(bundle, certificates)
  return certificates
}

/** Whether a client that has this bundle trusts what is served at a moment. */
function isTrusted(held: Held, bundle: string, now: Date): boolean {
  return Object.values(held.serving).every((pair) => {
    const certificate = pair?.certificate
    if (certificate === undefined || certificate.validToDate <= now || certificate.validFromDate > now) return false
    return authorities(bundle).some((one) => one.validToDate > now && certificate.verify(one.publicKey))
  })
}

describe('rotate', () => {
  it('makes an authority and a certificate for each server out of nothing', () => {
    const held = rotate(nothing, servers, dayOf(0))

    expect(held).toMatchObject({ next: undefined, old: undefined })
    expect(Object.keys(held.serving)).toEqual(['broker', 'webhook'])
    expect(held.serving['broker']?.certificate.subjectAltName).toBe(
      'DNS:tokenbroker.a.svc, DNS:tokenbroker-discovery.a.svc',
    )
    expect(isTrusted(held, bundleOf(held), dayOf(0))).toBe(true)
  })

  it('leaves alone what is good, and renews a certificate that has ten days left', () => {
    const first = rotate(nothing, servers, dayOf(0))
    expect(rotate(first, servers, dayOf(19.9))).toEqual(first)

    const later = rotate(first, servers, dayOf(20.1))

    expect(later.current).toBe(first.current)
    expect(later.serving['broker']).not.toBe(first.serving['broker'])
  })

  it('makes a certificate anew when the names change, and forgets a server that is gone', () => {
    const first = rotate(nothing, servers, dayOf(0))

    const later = rotate(first, { broker: ['other.a.svc'] }, dayOf(1))

    expect(later.serving['broker']?.certificate.subjectAltName).toBe('DNS:other.a.svc')
    expect(Object.keys(later.serving)).toEqual(['broker'])
  })

  it.each([1, 5, 9])(
    'keeps everything trusted by clients whose bundle is sixty days old, looking every %i days',
    (step) => {
      let held: Held = nothing
      /** Distinct bundles, and the day on which each was published last. */
      const published = new Map<string, number>()
      for (let day = 0; day < 800; day += step) {
        // Through the Secret, as every pass goes.
        held = rotate(readHeld(writeHeld(held), Object.keys(servers)), servers, dayOf(day))
        published.set(bundleOf(held), day)
        const recent = [...published].filter(([, last]) => last > day - 60)
        expect(recent.filter(([bundle]) => !isTrusted(held, bundle, dayOf(day)))).toEqual([])
        expect(authorities(bundleOf(held)).length).toBeLessThanOrEqual(3)
      }
      expect(
        new Set([...published.keys()].map((bundle) => authorities(bundle)[0]?.serialNumber)).size,
      ).toBeGreaterThanOrEqual(3)
    },
  )

  it('drops an old authority when it has ended, and the key of one that signs no more at once', () => {
    let held: Held = nothing
    let replaced: X509Certificate | undefined
    for (let day = 0; held.old === undefined; day += 1) {
      replaced = held.current?.certificate
      held = rotate(held, servers, dayOf(day))
    }

    expect(held.old).toBe(replaced)
    expect(Object.keys(writeHeld(held)).filter((key) => key.startsWith('old'))).toEqual(['old-ca.crt'])
    expect(rotate(held, servers, new Date(held.old.validToDate)).old).toBeUndefined()
  })

  it('is right again at once after it did not run for years', () => {
    const first = rotate(nothing, servers, dayOf(0))

    const later = rotate(first, servers, dayOf(900))

    expect(isTrusted(later, bundleOf(later), dayOf(900))).toBe(true)
    expect(authorities(bundleOf(later))).toHaveLength(1)
  })

  it('hands over late rather than never where it did not run in the weeks of the overlap', () => {
    const first = rotate(nothing, servers, dayOf(0))
    const published = rotate(first, servers, dayOf(340))
    expect(published.next).toBeDefined()

    const later = rotate(published, servers, dayOf(341))

    expect(later.current).toBe(published.next)
    expect(later.old).toBe(first.current.certificate)
    expect(schedule.servingMs).toBeLessThan(schedule.takeOverMs)
  })
})

describe('readHeld', () => {
  const first = rotate(nothing, servers, dayOf(0))
  const data = writeHeld(first)

  it('reads what writeHeld wrote', () => {
    expect(writeHeld(readHeld(data, ['broker', 'webhook']))).toEqual(data)
  })

  it.each([
    ['a key of another certificate', { 'broker.key': data['webhook.key'] ?? '' }],
    ['no key', { 'broker.key': '' }],
    ['half a certificate', { 'broker.crt': (data['broker.crt'] ?? '').slice(0, 80) }],
    ['text', { 'broker.crt': Buffer.from('text').toString('base64') }],
  ])('takes %s for nothing', (_, change) => {
    const held = readHeld({ ...data, ...change }, ['broker', 'webhook'])

    expect(held.serving['broker']).toBeUndefined()
    expect(held.serving['webhook']).toBeDefined()
    expect(rotate(held, servers, dayOf(0)).serving['broker']).toBeDefined()
  })
})
