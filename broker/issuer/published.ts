import type { SigningAlgorithm } from '../providers/provider.ts'
import { type PublicDocument, publicDocument } from './document.ts'
import type { IssuerUrl } from './issuer-url.ts'
import { type KeyRing, type KeyUse, ringKeys } from './key-ring.ts'
import { discoveryMetadata, federationMetadata, type IssuerEndpoints, serverMetadata } from './metadata.ts'
import type { SigningKey } from './signing-key.ts'

/** What the world may see of a key ring. */
export interface Published {
  readonly jwks: PublicDocument
  readonly federationJwks: PublicDocument
  readonly discovery: PublicDocument
  readonly authorizationServerMetadata: PublicDocument
  readonly federationDiscovery: PublicDocument
  /** Keys of access tokens by `kid`. */
  readonly accessKeys: ReadonlyMap<string, SigningKey>
}

interface Names {
  readonly url: IssuerUrl
  readonly federationUrl: IssuerUrl
  readonly endpoints: IssuerEndpoints
}

/** Serialises the documents anew only when the keys have changed. */
export function createPublished(keys: { ring(): KeyRing }, names: Names): () => Published {
  let ring: KeyRing | undefined
  let published: Published | undefined
  return () => {
    const latest = keys.ring()
    if (published === undefined || ring !== latest) {
      ring = latest
      published = publish(latest, names)
    }
    return published
  }
}

function publish(ring: KeyRing, { url, federationUrl, endpoints }: Names): Published {
  const issuer = url.text
  return {
    jwks: jwks(ring, 'access'),
    federationJwks: jwks(ring, 'federation'),
    discovery: publicDocument(discoveryMetadata({ issuer, endpoints, algorithms: algorithms(ring, 'access') })),
    authorizationServerMetadata: publicDocument(serverMetadata({ issuer, endpoints })),
    federationDiscovery: publicDocument(federationMetadata(federationUrl.text, algorithms(ring, 'federation'))),
    accessKeys: new Map(ringKeys(ring, 'access').map((key) => [key.kid, key])),
  }
}

function jwks(ring: KeyRing, use: KeyUse): PublicDocument {
  return publicDocument({ keys: ringKeys(ring, use).map((key) => key.publicJwk) }, 'application/jwk-set+json')
}

function algorithms(ring: KeyRing, use: KeyUse): readonly SigningAlgorithm[] {
  return [...new Set(ringKeys(ring, use).map((key) => key.algorithm))]
}
