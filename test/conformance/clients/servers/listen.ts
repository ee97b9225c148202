import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Certificate, selfSignedCertificate } from '../../../fakes/certificate.ts'

/** Serves until the test is over, on 127.0.0.1. @returns the port */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

export async function serve(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(listener))}`
}

export async function serveTls(
  listener: RequestListener,
  names?: readonly string[],
): Promise<{ readonly port: number; readonly certificate: Certificate }> {
  const certificate = await selfSignedCertificate(names)
  return { port: await listen(createTlsServer(certificate, listener)), certificate }
}
