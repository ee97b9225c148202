const url = /^((?:git\+)?[a-z][a-z0-9.-]*):\/\/(?:[^@/?#]*@)?([^/?#@]+)(\/[^?#]*)?([?#].*)?$/i

/**
 * The one spelling of a source's URI: scheme and host in lower case, no user, no `.git` and no slash at the end. Git
 * fetches the same from each of them. The path stays as it is, dots and escapes included: nobody knows what a server
 * makes of them. A query, which may hold a credential, is cut off and its place marked, so that it equals nothing that
 * has none.
 */
export function normalSourceUri(text: string): string {
  const [, scheme = '', host = '', path = '', query] = url.exec(text.trim()) ?? []
  if (host === '') return text.trim().slice(0, 512)
  const shortened = path.replace(/\/+$/, '').replace(/\.git$/, '')
  return `${scheme.toLowerCase()}://${host.toLowerCase()}${shortened}${query === undefined ? '' : '?'}`
}

/** Host and port of a URI, as {@link normalSourceUri} writes them; empty where it has none. */
export function hostOfUri(text: string): string {
  return (url.exec(text.trim())?.[2] ?? '').toLowerCase()
}
