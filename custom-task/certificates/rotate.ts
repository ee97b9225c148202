import type { X509Certificate } from 'node:crypto'
import { issueAuthority, issueServing, type KeyPair, type Lifetime } from './certificate.ts'
import type { Held } from './held.ts'

const dayMs = 86_400_000

/** What the certificates live, in milliseconds. */
export const schedule = {
  authorityMs: 365 * dayMs,
  /** An authority is trusted for so long before it signs: longer than a pod lives with the bundle that it was given. */
  overlapMs: 60 * dayMs,
  /** The next authority takes over when the current one has this left; more than a server's certificate lives. */
  takeOverMs: 60 * dayMs,
  servingMs: 30 * dayMs,
  /** A server's certificate is made anew when it has this left. */
  renewMs: 10 * dayMs,
  /** Certificates begin in the past, for machines whose clocks are behind. */
  skewMs: 3_600_000,
} as const

/** Names of every server, by the name under which its certificate is kept. */
export type Servers = Readonly<Record<string, readonly string[]>>

/**
 * Everything as it should be at a moment. What is good stays the very same; what is missing, spoilt or near its end is
 * made anew, and trust is always there before what needs it: an authority is published long before it signs.
 */
export function rotate(held: Held, servers: Servers, now: Date): Held & { readonly current: KeyPair } {
  const { current, next } = rotateAuthorities(held, now)
  // A server's certificate ends before its authority, so that an old one may go when it has ended.
  const replaced = current === held.current ? held.old : held.current?.certificate
  const old = replaced !== undefined && isValid(replaced, now) ? replaced : undefined
  const trusted = [current.certificate, ...(next ? [next.certificate] : []), ...(old ? [old] : [])]
  const serving = Object.fromEntries(
    Object.entries(servers).map(([server, names]) => {
      const kept = held.serving[server]
      const isGood = kept !== undefined && isServable(kept.certificate, names, trusted, now)
      return [server, isGood ? kept : issueServing(names, current, lifetime(now, schedule.servingMs))]
    }),
  )
  return { current, next, old, serving }
}

function rotateAuthorities(held: Held, now: Date): { readonly current: KeyPair; readonly next: KeyPair | undefined } {
  const next = held.next !== undefined && isValid(held.next.certificate, now) ? held.next : undefined
  const current = held.current !== undefined && isValid(held.current.certificate, now) ? held.current : undefined
  if (current === undefined) return { current: next ?? newAuthority(now), next: undefined }
  const remainingMs = leftMs(current.certificate, now)
  if (remainingMs > schedule.takeOverMs + schedule.overlapMs) return { current, next }
  if (next === undefined) return { current, next: newAuthority(now) }
  const isKnown = now.getTime() - next.certificate.validFromDate.getTime() >= schedule.overlapMs
  // An authority that is about to end gives way to one that is not known everywhere yet: both are in the bundle.
  const mustGo = remainingMs < schedule.servingMs
  return isKnown || mustGo ? { current: next, next: undefined } : { current, next }
}

function newAuthority(now: Date): KeyPair {
  return issueAuthority('Tekton Token Broker', lifetime(now, schedule.authorityMs))
}

function lifetime(now: Date, ms: number): Lifetime {
  return { notBefore: new Date(now.getTime() - schedule.skewMs), notAfter: new Date(now.getTime() + ms) }
}

function isServable(
  certificate: X509Certificate,
  names: readonly string[],
  trusted: readonly X509Certificate[],
  now: Date,
): boolean {
  if (!isValid(certificate, now) || leftMs(certificate, now) < schedule.renewMs) return false
  const has = certificate.subjectAltName ?? ''
  if (has !== names.map((name) => `DNS:${name}`).join(', ')) return false
  return trusted.some((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey))
}

function isValid(certificate: X509Certificate, now: Date): boolean {
  return certificate.validFromDate <= now && now < certificate.validToDate
}

function leftMs(certificate: X509Certificate, now: Date): number {
  return certificate.validToDate.getTime() - now.getTime()
}
