import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { issueAuthority, issueServing, type KeyPair } from '../../../custom-task/certificates/certificate.ts'

const hourMs = 3_600_000
const now = Date.now()
const lifetime = { notBefore: new Date(now - hourMs), notAfter: new Date(now + hourMs) }
const names = ['tokenbroker.tokenbroker-system.svc', 'tokenbroker-discovery.tokenbroker-system.svc']

/** A handshake with a server that shows the certificate; gives the reason when the client does not trust it. */
async function handshake(serving: KeyPair, ca: string, servername: string): Promise<string> {
  const key = serving.key.export({ type: 'pkcs8', format: 'pem' })
  const server = createServer({ cert: serving.certificate.toString(), key }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect({ host: '127.0.0.1', port, ca, servername })
  try {
    await once(socket, 'secureConnect')
    return 'trusted'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'untrusted'
  } finally {
    socket.destroy()
  }
}

describe('issueServing', () => {
  it('makes a certificate that clients of the authority trust for each of its names and for no other', async () => {
    const authority = issueAuthority('Test', lifetime)
    const serving = issueServing(names, authority, lifetime)
    const ca = authority.certificate.toString()

    for (const name of names) expect(await handshake(serving, ca, name)).toBe('trusted')
    expect(await handshake(serving, ca, 'other.example.com')).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
  })

  it('is not trusted by clients of another authority, though both have one name', async () => {
    const [one, other] = [issueAuthority('Test', lifetime), issueAuthority('Test', lifetime)]
    const serving = issueServing(names, one, lifetime)

    expect(await handshake(serving, other.certificate.toString(), names[0] ?? '')).not.toBe('trusted')
    const both = other.certificate.toString() + one.certificate.toString()
    expect(await handshake(serving, both, names[0] ?? '')).toBe('trusted')
  })

  it('ends no later than its authority', () => {
    const authority = issueAuthority('Test', lifetime)
    const { certificate } = issueServing(names, authority, { ...lifetime, notAfter: new Date(now + 9 * hourMs) })

    expect(certificate.validToDate).toEqual(authority.certificate.validToDate)
  })

  it('has what strict verifiers ask for: key identifiers, usages, and no right to sign', () => {
    const authority = issueAuthority('Test', lifetime)
    const { certificate } = issueServing(names, authority, lifetime)

    expect(certificate.ca).toBe(false)
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(certificate.checkIssued(authority.certificate)).toBe(true)
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
    // OIDs of subjectKeyIdentifier and authorityKeyIdentifier
    for (const oid of ['0603551d0e', '0603551d23']) expect(certificate.raw.toString('hex')).toContain(oid)
  })

  it('names a server whose name is longer than a common name may be', () => {
    const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.svc`
    const { certificate } = issueServing([long], issueAuthority('Test', lifetime), lifetime)

    expect(certificate.checkHost(long)).toBe(long)
    expect(certificate.subject).toBe(`CN=${'a'.repeat(63)}.`)
  })
})

describe('issueAuthority', () => {
  it('signs itself, and gives every certificate a serial number of its own', () => {
    const made = Array.from({ length: 20 }, () => issueAuthority('Test', lifetime).certificate)

    for (const certificate of made) {
      expect(certificate.ca).toBe(true)
      expect(certificate.verify(certificate.publicKey)).toBe(true)
      expect(certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/)
    }
    expect(new Set(made.map(({ serialNumber }) => serialNumber)).size).toBe(20)
    expect(new Set(made.map(({ subject }) => subject)).size).toBe(20)
  })
})
