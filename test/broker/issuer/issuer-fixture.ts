import { createLocalJWKSet, type JSONWebKeySet } from 'jose'
import type { PublicDocument } from '../../../broker/issuer/document.ts'
import { createIssuer, type Issuer, type IssuerOptions } from '../../../broker/issuer/issuer.ts'
import {
  completeRing,
  emptyRing,
  type KeyRing,
  type RingAlgorithms,
  rotateRing,
} from '../../../broker/issuer/key-ring.ts'
import { defaultTiming } from '../../../broker/issuer/key-set.ts'
import { generateSigningKey } from '../../../broker/issuer/signing-key.ts'

export const start = new Date('2026-03-01T12:00:00.000Z')

export function later(seconds: number, from = start): Date {
  return new Date(from.getTime() + seconds * 1000)
}

export function moment(now: Date) {
  return { now, timing: defaultTiming, generate: generateSigningKey }
}

/** RSA keys take long to make, so only tests that need them ask for them. */
export const fastAlgorithms: RingAlgorithms = { access: ['ES256', 'EdDSA'], federation: ['ES256'] }
export const allAlgorithms: RingAlgorithms = { access: ['RS256', 'ES256', 'EdDSA'], federation: ['RS256', 'ES256'] }

export function freshRing(algorithms: RingAlgorithms, now = start): Promise<KeyRing> {
  return completeRing(emptyRing, algorithms, moment(now))
}

export interface TestIssuer extends Issuer {
  /** The moment that the issuer believes in. */
  now: Date
  ring: KeyRing
  /** Lets `seconds` pass, and keys rotate that are due. */
  pass(seconds: number): Promise<void>
}

export async function testIssuer(
  keys: RingAlgorithms | KeyRing = fastAlgorithms,
  options: Partial<Pick<IssuerOptions, 'issuerUrl' | 'skewSeconds' | 'signInBackground'>> = {},
): Promise<TestIssuer> {
  let count = 0
  const state = { now: start, ring: isRing(keys) ? keys : await freshRing(keys) }
  const issuer = createIssuer({
    issuerUrl: 'https://broker.example.com',
    endpoints: {
      token: 'https://broker.internal/token',
      introspection: 'https://broker.internal/introspect',
      revocation: 'https://broker.internal/revoke',
    },
    keys: { ring: () => state.ring, maxTokenLifeSeconds: defaultTiming.maxTokenLifeSeconds },
    clock: () => state.now,
    newId: () => `id-${++count}`,
    signInBackground: false,
    ...options,
  })
  async function pass(seconds: number): Promise<void> {
    state.now = later(seconds, state.now)
    state.ring = await rotateRing(state.ring, moment(state.now))
  }
  return Object.assign(state, issuer, { pass })
}

function isRing(keys: RingAlgorithms | KeyRing): keys is KeyRing {
  return !Array.isArray(keys.access)
}

export function parseDocument(document: PublicDocument): Record<string, unknown> {
  return JSON.parse(document.body.toString('utf8')) as Record<string, unknown>
}

/** What a verifier that reads the published JWKS uses. */
export function verifierKeys(document: PublicDocument) {
  return createLocalJWKSet(parseDocument(document) as unknown as JSONWebKeySet)
}

export const deployClaims = {
  aud: 'https://deploy.example.com',
  sub: 'system:serviceaccount:payments:deployer',
  client_id: 'system:serviceaccount:payments:deployer',
  azp: 'system:serviceaccount:payments:deployer',
  scope: 'deploy:staging image:push',
  jti: '019a0000-0000-7000-8000-000000000001',
}
