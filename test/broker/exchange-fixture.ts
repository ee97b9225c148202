import type { Counted, Outcome } from '../../broker/answer.ts'
import type { Authorization } from '../../broker/approvals/authorize-run.ts'
import type { ExchangeSteps } from '../../broker/exchange.ts'
import type { Gathered, Known, Requester } from '../../broker/known.ts'
import type { Grant, GrantFields, IssuedToken } from '../../broker/providers/provider.ts'
import type { AuditEntry, Receipt } from '../../core/audit/event.ts'
import type { Workload } from '../../core/identity/workload.ts'
import type { ExchangeRequest } from '../../core/oauth/exchange-request.ts'
import type { Allowance } from '../../core/policy/allowance.ts'
import { Secret } from '../../core/secret.ts'
import { audience, candidateOf, factsOf } from '../core/policy/policy-fixture.ts'

/** One exchange whose steps are plain functions; the tests say which of them fail and how. */

export const subjectToken = 'eyJhbGciOiJSUzI1NiJ9.c3ViamVjdC1wYXlsb2Fk.c3ViamVjdC1zaWduYXR1cmU'
export const actorToken = 'eyJhbGciOiJSUzI1NiJ9.YWN0b3ItcGF5bG9hZA.YWN0b3Itc2lnbmF0dXJl'
export const accessToken = 'eyJhbGciOiJSUzI1NiJ9.YWNjZXNzLXBheWxvYWQ.YWNjZXNzLXNpZ25hdHVyZQ'
export const exchangeId = '019a0000-0000-7000-8000-000000000001'
export const issuedAt = new Date('2026-03-01T12:00:00Z')

const jwt = 'urn:ietf:params:oauth:token-type:jwt'
export const reference = {
  namespace: 'payments',
  name: 'release-1-token',
  uid: '22222222-2222-4222-8222-222222222222',
} as const

const target = { audience, scope: 'deploy:staging' }

/** Bodies of good requests; a change of `undefined` takes a parameter out. */
export const forms = {
  exchange: (changes: Readonly<Record<string, string | undefined>> = {}) =>
    body({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: subjectToken,
      subject_token_type: jwt,
      ...target,
      ...changes,
    }),
  bearer: () => body({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: subjectToken, ...target }),
  delegated: () =>
    body({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: `${reference.namespace}/${reference.name}/${reference.uid}`,
      subject_token_type: 'urn:tokenbroker:params:token-type:customrun',
      actor_token: actorToken,
      actor_token_type: jwt,
      ...target,
    }),
}

function body(params: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(params).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return new URLSearchParams(given).toString()
}

export const workload = {
  cluster: 'main',
  namespace: 'payments',
  serviceAccount: { name: 'deployer', uid: 'sa-uid' },
  pod: { name: 'release-1-deploy-pod', uid: 'pod-uid' },
  node: { name: 'node1', uid: 'node-uid' },
  credentialId: 'credential-1',
  issuedAt,
  expiresAt: new Date('2026-03-01T13:00:00Z'),
  revocationCheck: 'token-review',
} as Workload

export const issued: IssuedToken = {
  accessToken: new Secret(accessToken),
  tokenType: 'Bearer',
  expiresAt: new Date('2026-03-01T12:05:00Z'),
  scopes: ['deploy:staging'],
  jti: exchangeId,
  issuer: 'https://broker.example.com',
}

/** A CustomRun that has its token fetched by the pods behind it. */
export const delegation = { deliver: 'sidecar', isDryRun: false, isDone: false } as const

export function gatheredOf(changes: Partial<Gathered> = {}): Gathered {
  return { facts: factsOf(), into: [{ task: 'deploy', serviceAccount: 'deployer' }], ...changes }
}

/** Facts that a policy refuses. */
export const refusedFacts = factsOf({ candidates: [candidateOf({ rbac: [] })] })

export function requesterOf({ subject }: ExchangeRequest): Requester {
  if (subject.kind === 'pod') return { kind: 'pod', workload }
  return { kind: 'customrun', workload, reference: subject.reference }
}

export function grantOf(allowance: Allowance, id = exchangeId): Grant {
  const expiresAt = new Date('2026-03-01T12:05:00Z')
  const fields: GrantFields = { exchangeId: id, allowance, workload, issuedAt, expiresAt, authorizationId: undefined }
  return fields as Grant
}

export function authorizationOf(allowance: Allowance, into: Gathered['into']): Authorization {
  return { id: 'authorization-1', digest: 'd'.repeat(64), allowance, into, expiresAt: new Date('2026-03-01T13:00:00Z') }
}

export interface Played {
  readonly steps: ExchangeSteps
  /** Names of the steps in the order they were taken. */
  readonly taken: string[]
  readonly entries: AuditEntry[]
  readonly counted: { readonly door: string; readonly reason: string }[]
  readonly observed: { readonly known: Known; readonly outcome: Outcome }[]
}

/** Steps that all go well, and remember what was done; `changes` stand in for some of them. */
export function play(changes: Partial<ExchangeSteps> = {}): Played {
  const [taken, entries, counted, observed]: [string[], AuditEntry[], Played['counted'], Played['observed']] = [
    [],
    [],
    [],
    [],
  ]
  const all: ExchangeSteps = {
    newId: () => exchangeId,
    clock: () => issuedAt,
    verify: async (request) => requesterOf(request),
    proveActor: async () => ({ isController: true, isPodAddress: true }),
    gather: async (_request, { kind }) => (kind === 'pod' ? gatheredOf() : gatheredOf({ delegation })),
    approve: async () => undefined,
    settle: (id, allowance) => grantOf(allowance, id),
    authorize: (allowance, { into }) => authorizationOf(allowance, into),
    release: () => undefined,
    requireBudget: () => undefined,
    callsUpstream: () => false,
    issue: async () => issued,
    record: async () => ({ eventId: 'event-1', sequence: 1, chainUid: 'chain-1' }) as Receipt,
    count: (_door, reason) => ({ reason }) as Counted,
    observe: () => undefined,
    ...changes,
  }
  const steps: ExchangeSteps = {
    newId: all.newId,
    clock: all.clock,
    verify: (...args) => noting('verify', () => all.verify(...args)),
    proveActor: all.proveActor,
    gather: (...args) => noting('gather', () => all.gather(...args)),
    approve: all.approve,
    settle: (...args) => noting('settle', () => all.settle(...args)),
    authorize: (...args) => noting('authorize', () => all.authorize(...args)),
    release: all.release,
    requireBudget: all.requireBudget,
    callsUpstream: all.callsUpstream,
    issue: (...args) => noting('issue', () => all.issue(...args)),
    async record(entry) {
      taken.push(`record ${entry.data.outcome}`)
      const receipt = await all.record(entry)
      entries.push(entry)
      taken.push('durable')
      return receipt
    },
    count(door, reason) {
      taken.push('count')
      counted.push({ door, reason })
      return all.count(door, reason)
    },
    observe(known, outcome) {
      taken.push(`observe ${outcome.kind}`)
      observed.push({ known, outcome })
      all.observe(known, outcome)
    },
  }

  function noting<T>(name: string, act: () => T): T {
    taken.push(name)
    return act()
  }

  return { steps, taken, entries, counted, observed }
}
