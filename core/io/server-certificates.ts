import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:tls'
import { errorCode } from './error-code.ts'
import type { FreshOptions } from './fresh.ts'
import { StartError } from './start-error.ts'
import { createTlsMaterial, type TlsMaterial, tlsOptions } from './tls-material.ts'

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** The certificate of one listener. */
export interface ServerCertificates {
  readonly initial: TlsMaterial
  /** Reads the files and gives the server what changed; handshakes from then on use it. */
  reload(server: Server): Promise<void>
}

/** @throws StartError when the files cannot be read or do not fit together */
export async function loadCertificates(
  files: CertificateFiles,
  options: Pick<FreshOptions, 'clock' | 'onError'>,
): Promise<ServerCertificates> {
  const sources = { cert: { file: files.certFile }, key: { file: files.keyFile } }
  const material = createTlsMaterial(sources, { ...options, maxAgeMs: 0 })
  const initial = await material.current().catch((cause) => {
    const why = errorCode(cause) ?? 'no PEM files that fit together'
    throw new StartError(
      `tls.certFile ${files.certFile} and tls.keyFile ${files.keyFile} cannot be used (${why}): mount them`,
      { cause },
    )
  })
  let served = initial
  return Object.freeze({
    initial,
    async reload(server: Server): Promise<void> {
      const current = await material.current()
      if (current === served || !(server instanceof TlsServer)) return
      // Whatever is not said again falls back to Node's defaults, the minimum version included.
      server.setSecureContext(tlsOptions(current))
      served = current
    },
  })
}
