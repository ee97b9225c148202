import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { Secret } from '../secret.ts'
import { createFresh, type Fresh, type FreshOptions } from './fresh.ts'

/** PEM text, or the file that holds it and may be replaced at any time. */
export type PemSource = { readonly file: string } | { readonly pem: string }

export interface TlsSources {
  /** Certificate authorities to trust instead of the system's. */
  readonly ca?: PemSource
  readonly cert?: PemSource
  readonly key?: { readonly file: string } | Secret
}

/** What was read, all of it from the same moment. */
export interface TlsMaterial {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: Secret | undefined
}

/** Options of `node:tls`; the one place where a private key leaves its Secret. */
export interface TlsOptions {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly minVersion: 'TLSv1.2'
}

/**
 * Certificates and keys that follow their files. As long as nothing changed `current` returns the very same object, so
 * `===` says whether agents or contexts must be rebuilt. What does not fit together (a new certificate beside an old
 * key, half a file) counts as unreadable and the last good material stays.
 */
export function createTlsMaterial(sources: TlsSources, options: FreshOptions): Fresh<TlsMaterial> {
  return createFresh(async (previous) => {
    const [ca, cert, key] = await Promise.all([readPem(sources.ca), readPem(sources.cert), readKey(sources.key)])
    const read = { ca, cert, key }
    if (previous && isSame(previous, read)) return previous
    createSecureContext(tlsOptions(read))
    return Object.freeze(read)
  }, options)
}

/** For `tls.connect`, `https.createServer` and undici alike. Keeps the minimum version, also on a reload. */
export function tlsOptions(material: TlsMaterial): TlsOptions {
  return {
    minVersion: 'TLSv1.2',
    ...(material.ca === undefined ? {} : { ca: material.ca }),
    ...(material.cert === undefined ? {} : { cert: material.cert }),
    ...(material.key === undefined ? {} : { key: material.key.reveal() }),
  }
}

function isSame(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.ca === b.ca && a.cert === b.cert && a.key?.reveal() === b.key?.reveal()
}

async function readPem(source: PemSource | undefined): Promise<string | undefined> {
  if (!source) return undefined
  const text = 'pem' in source ? source.pem : await readFile(source.file, 'utf8')
  // An empty text would silently stand for the authorities of the system.
  if (!text.includes('-----BEGIN ')) throw new Error('A certificate must be PEM text (-----BEGIN CERTIFICATE-----)')
  return text
}

async function readKey(source: TlsSources['key']): Promise<Secret | undefined> {
  if (!source || source instanceof Secret) return source
  return new Secret(await readFile(source.file, 'utf8'))
}
