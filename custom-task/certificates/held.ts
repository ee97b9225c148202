import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KeyPair } from './certificate.ts'

/** Everything that the Secret holds; what cannot be used counts as absent and is made again. */
export interface Held {
  /** Signs. */
  readonly current: KeyPair | undefined
  /** Is trusted already and signs later. */
  readonly next: KeyPair | undefined
  /** Signed once, and is trusted until it ends; its key is gone. */
  readonly old: X509Certificate | undefined
  /** By name of the server. */
  readonly serving: Readonly<Record<string, KeyPair | undefined>>
}

/** Base64 by key, as in `data` of a Secret. */
export type SecretData = Readonly<Record<string, string>>

/** Reads the Secret's data. */
export function readHeld(data: SecretData, servers: readonly string[]): Held {
  return {
    current: readPair(data, 'ca'),
    next: readPair(data, 'next-ca'),
    old: readCertificate(data['old-ca.crt']),
    serving: Object.fromEntries(servers.map((server) => [server, readPair(data, server)])),
  }
}

/** The data that reads as `held`: certificates as PEM, keys as PKCS #8. */
export function writeHeld({ current, next, old, serving }: Held): SecretData {
  const pairs = { ca: current, 'next-ca': next, ...serving }
  const entries = Object.entries(pairs).flatMap(([name, pair]) => (pair === undefined ? [] : writePair(name, pair)))
  return Object.fromEntries(old === undefined ? entries : [...entries, ['old-ca.crt', base64(old.toString())]])
}

/** PEM of every authority that may have signed what is served, now or soon. */
export function bundleOf({ current, next, old }: Held): string {
  return [current?.certificate, next?.certificate, old].map((certificate) => certificate?.toString() ?? '').join('')
}

function readPair(data: SecretData, name: string): KeyPair | undefined {
  const certificate = readCertificate(data[`${name}.crt`])
  const text = data[`${name}.key`]
  if (certificate === undefined || text === undefined) return undefined
  try {
    const key = createPrivateKey(Buffer.from(text, 'base64'))
    return certificate.checkPrivateKey(key) ? { certificate, key } : undefined
  } catch {
    return undefined
  }
}

function readCertificate(text: string | undefined): X509Certificate | undefined {
  if (text === undefined) return undefined
  try {
    return new X509Certificate(Buffer.from(text, 'base64'))
  } catch {
    return undefined
  }
}

function writePair(name: string, { certificate, key }: KeyPair): readonly (readonly [string, string])[] {
  const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString()
  return [
    [`${name}.crt`, base64(certificate.toString())],
    [`${name}.key`, base64(pem)],
  ]
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
