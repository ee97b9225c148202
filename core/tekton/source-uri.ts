const url = /^((?:git\+)?[a-z][a-z0-9.-]*):\/\/(?:[^@/?#]*@)?([^/?#@]+)(\/[^?#]*)?([?#].*)?$/i

/**
 * A source's URI as it may be shown: without user and password. A query, which may hold a credential, is cut off and its
 * place marked, so that it equals nothing that has none.
 */
export function shownSourceUri(text: string): string {
  const [, scheme = '', host = '', path = '', query] = url.exec(text.trim()) ?? []
  if (host === '') return text.trim()
  return `${scheme}://${host}${path}${query === undefined ? '' : '?'}`
}

/**
 * The one spelling of a source's URI, to compare: scheme and host in lower case, no user, no `.git` and no slash at the
 * end. Git fetches the same from each of them. The path stays as it is, dots and escapes included: nobody knows what a
 * server makes of them.
 */
export function normalSourceUri(text: string): string {
  const shown = shownSourceUri(text)
  const [, scheme = '', host = '', path = '', query = ''] = url.exec(shown) ?? []
  if (host === '') return shown
  return `${scheme.toLowerCase()}://${host.toLowerCase()}${path.replace(/\/+$/, '').replace(/\.git$/, '')}${query}`
}

/** Host and port of a URI in lower case; empty where it has none. */
export function hostOfUri(text: string): string {
  return (url.exec(text.trim())?.[2] ?? '').toLowerCase()
}
