/** What the local API reads from a request's header; everything else is either harmless or a reason to refuse. */
export interface LocalHeaders {
  readonly authorization: string | undefined
  readonly contentType: string | undefined
  /** As stated; absent for a chunked body. */
  readonly contentLength: string | undefined
}

export type GuardVerdict =
  | { readonly kind: 'passed'; readonly headers: LocalHeaders }
  | { readonly kind: 'refused'; readonly description: string }

const proxied: GuardVerdict = {
  kind: 'refused',
  description: 'Ask the sidecar directly: a request that went through a proxy is not served',
}
const browser: GuardVerdict = {
  kind: 'refused',
  description: 'Ask from a program: a request made by a web page is not served',
}
const wrongHost: GuardVerdict = {
  kind: 'refused',
  description: 'Use the address in TOKENBROKER_URL as it stands: another Host is not served',
}
const encoded: GuardVerdict = { kind: 'refused', description: 'Send the form without content encoding' }

/**
 * Judges the raw header lines. A page in somebody's browser that rebinds a name to 127.0.0.1 shows its own `Host`, a
 * proxy that was talked into forwarding shows its own fields, and neither can leave them away.
 *
 * @see https://fetch.spec.whatwg.org/#forbidden-request-header, RFC 7239, RFC 9110 §7.6.3
 */
export function judgeHeaders(rawHeaders: readonly string[], hosts: ReadonlySet<string>): GuardVerdict {
  let authorization: string | undefined
  let contentType: string | undefined
  let contentLength: string | undefined
  let host = ''
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    const refusal = judgeName(name)
    if (refusal !== undefined) return refusal
    if (name === 'host') host = rawHeaders[i + 1] ?? ''
    if (name === 'authorization') authorization = rawHeaders[i + 1]
    if (name === 'content-type') contentType = rawHeaders[i + 1]
    if (name === 'content-length') contentLength = rawHeaders[i + 1]
  }
  return hosts.has(host) ? { kind: 'passed', headers: { authorization, contentType, contentLength } } : wrongHost
}

function judgeName(name: string): GuardVerdict | undefined {
  if (name === 'origin' || name.startsWith('sec-fetch-')) return browser
  if (name === 'via' || name === 'forwarded' || name.startsWith('x-forwarded-')) return proxied
  return name === 'content-encoding' ? encoded : undefined
}
