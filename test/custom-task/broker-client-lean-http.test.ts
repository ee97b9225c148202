import { once } from 'node:events'
import { createServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { Secret } from '../../core/secret.ts'
import { createLeanHttp } from '../../custom-task/broker-client-lean-http.ts'
import { type Certificate, selfSignedCertificate } from '../fakes/certificate.ts'

const { signal } = new AbortController()
const sockets: Socket[] = []
let server: Server & { closeAllConnections?: () => void }

afterEach(async () => {
  server.closeAllConnections?.()
  for (const socket of sockets.splice(0)) socket.destroy()
  server.close()
  await once(server, 'close')
})

function lean(ca: string | undefined, timeoutMs = 5000) {
  return createLeanHttp({
    ...(ca === undefined ? {} : { ca: { pem: ca } }),
    timeoutMs,
    onError: () => undefined,
    clock: () => new Date(),
    delay: async () => undefined,
    random: () => 0.5,
  })
}

interface Seen {
  connections: number
  readonly bodies: string[]
}

async function secureServer(certificate: Certificate): Promise<{ readonly url: string; readonly seen: Seen }> {
  const seen: Seen = { connections: 0, bodies: [] }
  const secure = createServer({ key: certificate.key, cert: certificate.cert }, async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    seen.bodies.push(body)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok": true}')
  })
  secure.on('secureConnection', () => {
    seen.connections += 1
  })
  server = secure.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/token`, seen }
}

describe('createLeanHttp over TLS', () => {
  it('trusts the authority that it was given, reveals secrets to the socket alone and keeps the connection', async () => {
    const certificate = await selfSignedCertificate(['127.0.0.1'])
    const { url, seen } = await secureServer(certificate)
    const { postForm } = lean(certificate.ca)
    const form = [['subject_token', new Secret('a+b')]] as const

    expect(await postForm(url, form, { signal })).toMatchObject({ status: 200, body: { ok: true } })
    await postForm(url, form, { signal })
    expect(seen).toEqual({ connections: 1, bodies: ['subject_token=a%2Bb', 'subject_token=a%2Bb'] })
  })

  it.each(['the system authorities', 'another authority', 'another name'])(
    'sends nothing where only %s would do',
    async (what) => {
      const certificate = await selfSignedCertificate([what === 'another name' ? 'broker.example' : '127.0.0.1'])
      const other = await selfSignedCertificate(['127.0.0.1'])
      const { url, seen } = await secureServer(certificate)
      const ca = { 'the system authorities': undefined, 'another authority': other.ca, 'another name': certificate.ca }[
        what
      ]

      await expect(lean(ca).postForm(url, [['subject_token', new Secret('a')]], { signal })).rejects.toThrow()
      expect(seen.bodies).toEqual([])
    },
  )

  it('does not wait for ever for a handshake or an answer', async () => {
    server = createTcpServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const failure = (url: string) =>
      lean(undefined, url.startsWith('https') ? 5000 : 50)
        .postForm(url, [], { signal })
        .catch((error: unknown) => error)

    expect(await failure(`https://127.0.0.1:${port}/`)).toMatchObject({ name: 'ConnectTimeout' })
    expect(await failure(`http://127.0.0.1:${port}/`)).toMatchObject({ cause: { name: 'TimeoutError' } })
  })
})
