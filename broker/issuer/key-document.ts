import type { JWK } from 'jose'
import { z } from 'zod'
import { StartError } from '../../core/io/start-error.ts'
import { Secret } from '../../core/secret.ts'
import type { SigningAlgorithm } from '../providers/provider.ts'
import { type KeyRing, type KeySets, ringKeys } from './key-ring.ts'
import type { CurrentKey, KeySet, NextKey, PreviousKey } from './key-set.ts'
import { importSigningKey, type SigningKey } from './signing-key.ts'

const time = z.iso.datetime()
const next = z.strictObject({ privateJwk: z.record(z.string(), z.string()), publishedSince: time })
const current = next.extend({ signsSince: time })
const previous = current.extend({ signedUntil: time, publishedUntil: time })
const keySet = z.strictObject({ current, next, previous: z.array(previous).max(64) })
const keySets = z.partialRecord(z.enum(['RS256', 'ES256', 'EdDSA']), keySet)
const schema = z.strictObject({ version: z.literal(1), access: keySets, federation: keySets })

type StoredSets = z.output<typeof keySets>
type StoredSet = z.output<typeof keySet>

/** The stored form of a key ring cannot be used. Says where, never what stands there. */
export class KeyDocumentError extends StartError {
  override readonly name = 'KeyDocumentError'
}

/**
 * Reads the stored form of a key ring, the same for a file and for a Kubernetes Secret.
 *
 * @throws KeyDocumentError when it is no such document, or when one key stands in two places
 */
export async function parseKeyDocument(text: Secret): Promise<KeyRing> {
  const parsed = schema.safeParse(parseJson(text.reveal()))
  if (!parsed.success) throw new KeyDocumentError(`signing keys: ${z.prettifyError(parsed.error)}`)
  const ring: KeyRing = {
    access: await importSets(parsed.data.access, 'access'),
    federation: await importSets(parsed.data.federation, 'federation'),
  }
  const kids = [...ringKeys(ring, 'access'), ...ringKeys(ring, 'federation')].map((key) => key.kid)
  if (new Set(kids).size !== kids.length) throw new KeyDocumentError('signing keys: one key stands in two places')
  return ring
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // No cause: its message quotes the text, and the text is private keys.
    throw new KeyDocumentError('signing keys: not JSON')
  }
}

async function importSets(stored: StoredSets, use: string): Promise<KeySets> {
  const sets: Partial<Record<SigningAlgorithm, KeySet>> = {}
  for (const [algorithm, set] of Object.entries(stored) as [SigningAlgorithm, StoredSet][]) {
    try {
      sets[algorithm] = await importSet(algorithm, set)
    } catch (cause) {
      throw new KeyDocumentError(`signing keys: ${use}.${algorithm} holds a key that cannot be read`, { cause })
    }
  }
  return sets
}

async function importSet(algorithm: SigningAlgorithm, stored: StoredSet): Promise<KeySet> {
  const load = (entry: { readonly privateJwk: JWK }) => importSigningKey(algorithm, entry.privateJwk)
  return {
    algorithm,
    current: {
      key: await load(stored.current),
      publishedSince: new Date(stored.current.publishedSince),
      signsSince: new Date(stored.current.signsSince),
    },
    next: { key: await load(stored.next), publishedSince: new Date(stored.next.publishedSince) },
    previous: await Promise.all(
      stored.previous.map(async (entry) => ({
        key: await load(entry),
        publishedSince: new Date(entry.publishedSince),
        signsSince: new Date(entry.signsSince),
        signedUntil: new Date(entry.signedUntil),
        publishedUntil: new Date(entry.publishedUntil),
      })),
    ),
  }
}

/** The stored form, private keys included. */
export function formatKeyDocument(ring: KeyRing): Secret {
  const document = { version: 1, access: exportSets(ring.access), federation: exportSets(ring.federation) }
  return new Secret(`${JSON.stringify(document, undefined, 2)}\n`)
}

function exportSets(sets: KeySets): object {
  return Object.fromEntries(
    Object.entries(sets).map(([algorithm, set]) => [
      algorithm,
      { current: exportEntry(set.current), next: exportEntry(set.next), previous: set.previous.map(exportEntry) },
    ]),
  )
}

function exportEntry({ key, ...times }: NextKey | CurrentKey | PreviousKey): object {
  return { privateJwk: exportPrivateJwk(key), ...times }
}

function exportPrivateJwk(key: SigningKey): object {
  return key.privateKey.export({ format: 'jwk' })
}
