import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Certificate, selfSignedCertificate } from '../../../fakes/certificate.ts'

/** Where a server listens, and under which URL its clients know it. */
export interface Place {
  readonly address: string
  readonly port: number
  readonly url: string
}

/** Serves until the test is over, on a free port of 127.0.0.1 if nothing else is said. @returns the port */
export async function listen(server: Server, place?: Pick<Place, 'address' | 'port'>): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(place?.port ?? 0, place?.address ?? '127.0.0.1', resolve)
  })
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

/** @returns the URL */
export async function serve(listener: RequestListener, place?: Place): Promise<string> {
  const port = await listen(createServer(listener), place)
  return place?.url ?? `http://127.0.0.1:${port}`
}

export async function serveTls(
  listener: RequestListener,
  names?: readonly string[],
): Promise<{ readonly port: number; readonly certificate: Certificate }> {
  const certificate = await selfSignedCertificate(names)
  return { port: await listen(createTlsServer(certificate, listener)), certificate }
}
