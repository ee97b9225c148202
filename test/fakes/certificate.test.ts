import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { selfSignedCertificate } from './certificate.ts'
import { caller } from './kube/call.ts'
import { startKube } from './kube/server.ts'

describe('selfSignedCertificate', () => {
  it('is valid now, for the names it was asked for, under itself', async () => {
    const { cert } = await selfSignedCertificate(['broker.tokenbroker.svc', '127.0.0.1'])
    const parsed = new X509Certificate(cert)

    expect(parsed.verify(parsed.publicKey)).toBe(true)
    expect(parsed.checkHost('broker.tokenbroker.svc')).toBe('broker.tokenbroker.svc')
    expect(parsed.checkIP('127.0.0.1')).toBe('127.0.0.1')
    expect(parsed.checkHost('localhost')).toBeUndefined()
    expect(new Date(parsed.validFrom).getTime()).toBeLessThan(Date.now())
    expect(new Date(parsed.validTo).getTime()).toBeGreaterThan(Date.now())
  })

  it('lets clients that trust it reach a server, and no others', async () => {
    await using kube = await startKube({ tls: true })

    expect((await caller(kube)('GET', '/readyz')).body).toBe('ok')
    await expect(caller({ ...kube, ca: undefined })('GET', '/readyz')).rejects.toThrow()
    expect(JSON.parse(kube.kubeconfig('admin'))).toMatchObject({
      clusters: [{ cluster: { server: kube.url, 'certificate-authority-data': expect.any(String) } }],
      users: [{ user: { token: kube.adminToken } }],
    })
  })
})
