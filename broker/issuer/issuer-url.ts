export interface IssuerUrl {
  /** Exactly as it stands in `iss` and in both metadata documents: verifiers compare it as a string. */
  readonly text: string
  readonly origin: string
  /** Empty, or begins with a slash and ends without one. */
  readonly path: string
}

const loopback = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * Reads an issuer identifier: https, no query, fragment or trailing slash, in the form that URL parsers leave alone.
 * Plain http only on a loopback address, for development.
 *
 * @throws TypeError that says the form
 * @see RFC 8414 §2
 */
export function parseIssuerUrl(text: string): IssuerUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const path = url?.pathname === '/' ? '' : (url?.pathname ?? '')
  if (url === undefined || text !== `${url.origin}${path}` || path.endsWith('/')) {
    throw new TypeError(
      'issuerUrl must look like https://host, https://host:port or https://host/path, no slash at the end',
    )
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback.has(url.hostname))) {
    throw new TypeError('issuerUrl must be https')
  }
  return { text, origin: url.origin, path }
}

/**
 * Where clients look for a metadata document: RFC 8414 §3.1 inserts the well-known part before the path, OpenID
 * Connect Discovery §4 appends it; many clients try both. Without a path they are the same.
 */
export function wellKnownPaths(name: string, path: string): readonly string[] {
  return [...new Set([`/.well-known/${name}${path}`, `${path}/.well-known/${name}`])]
}
