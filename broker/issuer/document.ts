/** A public document, serialised once and sent as it is. */
export interface PublicDocument {
  readonly body: Buffer
  readonly contentType: string
  readonly cacheControl: string
}

/** Seconds that verifiers may keep keys and metadata. */
const maxAgeSeconds = 300

export function publicDocument(content: object, contentType = 'application/json'): PublicDocument {
  return Object.freeze({
    body: Buffer.from(JSON.stringify(content)),
    contentType,
    cacheControl: `public, max-age=${maxAgeSeconds}`,
  })
}
