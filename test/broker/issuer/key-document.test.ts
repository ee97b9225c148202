import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { formatKeyDocument, KeyDocumentError, parseKeyDocument } from '../../../broker/issuer/key-document.ts'
import { rotateRing } from '../../../broker/issuer/key-ring.ts'
import { Secret } from '../../../core/secret.ts'
import { fastAlgorithms, freshRing, later, moment } from './issuer-fixture.ts'

interface Document {
  [member: string]: unknown
  access: Record<string, Record<string, { privateJwk: Record<string, unknown> }>>
  federation: Record<string, unknown>
}

async function stored(): Promise<Document> {
  return JSON.parse(formatKeyDocument(await freshRing(fastAlgorithms)).reveal())
}

async function failure(text: string): Promise<KeyDocumentError> {
  return parseKeyDocument(new Secret(text)).then(
    () => expect.fail('the document was taken'),
    (error) => error,
  )
}

describe('parseKeyDocument', () => {
  it('reads what formatKeyDocument writes, previous keys included', async () => {
    const ring = await rotateRing(await freshRing(fastAlgorithms), moment(later(31 * 86_400)))

    const text = formatKeyDocument(ring)

    const again = formatKeyDocument(await parseKeyDocument(text))
    expect(again.reveal()).toBe(text.reveal())
    expect(text.reveal()).toContain('signedUntil')
  })

  it('derives kid and public key from the private key', async () => {
    const ring = await freshRing(fastAlgorithms)

    const read = await parseKeyDocument(formatKeyDocument(ring))

    expect(read.access.ES256?.current.key.publicJwk).toEqual(ring.access.ES256?.current.key.publicJwk)
  })

  const spoilt: Record<string, (document: Document) => void> = {
    'another version': (document) => {
      document['version'] = 2
    },
    'an unknown member': (document) => {
      document['extra'] = 1
    },
    'an unknown algorithm': (document) => {
      document.federation['HS256'] = document.federation['ES256']
    },
    'a missing next key': (document) => {
      delete document.access['ES256']?.['next']
    },
    'a key of another algorithm': (document) => {
      document.access['EdDSA'] = document.access['ES256'] ?? {}
    },
    'a public key in place of a private one': (document) => {
      delete document.access['ES256']?.['current']?.privateJwk['d']
    },
    'one key in both sets': (document) => {
      document.federation['ES256'] = document.access['ES256']
    },
    'one key twice in a set': (document) => {
      const set = document.access['ES256']
      if (set?.['next'] !== undefined && set['current'] !== undefined) {
        set['next'].privateJwk = set['current'].privateJwk
      }
    },
  }

  it.each(Object.entries(spoilt))('refuses %s', async (_name, spoil) => {
    const document = await stored()
    spoil(document)

    expect(await failure(JSON.stringify(document))).toBeInstanceOf(KeyDocumentError)
  })

  it('shows nothing of the content in its errors', async () => {
    const document = await stored()
    const d = String(document.access['ES256']?.['current']?.privateJwk['d'])
    const texts = [
      JSON.stringify(document).slice(0, -1),
      `"${d}"`,
      JSON.stringify({ ...document, version: d }),
      JSON.stringify({ ...document, access: { ES256: { current: d, next: d, previous: [{ publishedSince: d }] } } }),
    ]

    for (const text of texts) expect(inspect(await failure(text), { depth: 10 })).not.toContain(d)
  })
})
