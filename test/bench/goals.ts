import type { BurstFigures } from './burst-bench.ts'
import type { ContestantName, ExchangeFigures } from './exchange-bench.ts'
import type { JournalFigures } from './programs/journal.ts'
import type { StepFigures } from './programs/steps.ts'
import { type Goal, type MeasuredGoal, ratios } from './report.ts'
import type { SidecarFigures } from './sidecar-bench.ts'

export function exchangeGoals({ atLoad, alone, paced, brokerMiB }: ExchangeFigures): readonly Goal[] {
  const of = (name: ContestantName) => atLoad.get(name)?.perCpuSecond ?? []
  const durable = (algorithm: 'RS256' | 'ES256') => of(`broker ${algorithm}, audit durable`)
  const off = (algorithm: 'RS256' | 'ES256') => of(`broker ${algorithm}, audit off`)
  const peer = (algorithm: 'RS256' | 'ES256') => of(`oidc-provider ${algorithm}, no audit`)
  const audit = (algorithm: 'RS256' | 'ES256'): MeasuredGoal => ({
    id: 'P4',
    name: `audit durable / audit off, ${algorithm}`,
    floor: 0.85,
    aim: 0.9,
    values: ratios(durable(algorithm), off(algorithm)),
  })
  const p99 = (name: ContestantName) => paced.get(name)?.p99Ms ?? Number.NaN
  const p50 = (name: ContestantName) => alone.get(name)?.p50Ms ?? Number.NaN
  return [
    {
      id: 'P3',
      name: 'exchange RS256 / that of oidc-provider, which audits nothing',
      floor: 1,
      aim: 1.2,
      values: ratios(durable('RS256'), peer('RS256')),
    },
    {
      id: 'P3',
      name: 'exchange ES256 / that of oidc-provider, which audits nothing',
      floor: 1.5,
      aim: 2,
      values: ratios(durable('ES256'), peer('ES256')),
    },
    audit('RS256'),
    audit('ES256'),
    {
      id: 'P4',
      name: 'milliseconds that durable adds to p50 of one connection',
      floor: 2,
      aim: 0.75,
      isCeiling: true,
      values: [p50('broker ES256, audit durable') - p50('broker ES256, audit off')],
    },
    {
      id: 'P5',
      name: 'p99 at 500 a second, RS256 / that of oidc-provider',
      floor: 1.5,
      aim: 1,
      isCeiling: true,
      values: [p99('broker RS256, audit durable') / p99('oidc-provider RS256, no audit')],
    },
    {
      id: 'P7',
      name: 'broker MiB at 64 connections',
      floor: 180,
      aim: 144,
      isCeiling: true,
      values: [brokerMiB.after64Connections],
    },
  ]
}

/** How near the exchange comes to a server that does nothing but the cryptography. */
export function limitGoals({ atLoad }: ExchangeFigures, { floor }: StepFigures): readonly Goal[] {
  const limit = 1e6 / (floor['RS256 verify'] + floor['RS256 sign'])
  const ours = atLoad.get('broker RS256, audit durable')?.perCpuSecond ?? []
  return [
    {
      id: 'P1',
      name: 'exchange RS256 / verifying and signing alone',
      floor: 0.5,
      aim: 0.7,
      values: ours.map((value) => value / limit),
    },
  ]
}

export function sidecarGoals({ sidecar, bare, alone, rssMiB }: SidecarFigures): readonly Goal[] {
  return [
    {
      id: 'P6',
      name: 'cached token of the sidecar, all guards / bare node:http',
      floor: 0.7,
      aim: 0.85,
      values: ratios(sidecar, bare),
    },
    ...(['tcp', 'socket'] as const).flatMap((way) => {
      const { sidecar: ours, bare: theirs } = alone[way]
      const bounds = { id: 'P6', floor: 1.5, aim: 1.2, isCeiling: true }
      return [
        { ...bounds, name: `p50 by ${way}, sidecar / bare node:http`, values: ratios(ours.p50Ms, theirs.p50Ms) },
        { ...bounds, name: `p99 by ${way}, sidecar / bare node:http`, values: ratios(ours.p99Ms, theirs.p99Ms) },
      ]
    }),
    { id: 'P7', name: 'sidecar MiB, idle', floor: 70, aim: 70, isCeiling: true, values: [rssMiB.idle] },
    { id: 'P7', name: 'sidecar MiB after load', floor: 95, aim: 95, isCeiling: true, values: [rssMiB.afterLoad] },
  ]
}

export function journalGoals({ durable }: JournalFigures): readonly Goal[] {
  const at16 = durable.find(({ callers }) => callers === 16)?.recordsPerSecond ?? 0
  return [{ id: 'P8', name: 'durable records a second, 16 callers', floor: 20_000, aim: 20_000, values: [at16] }]
}

export function burstGoals(figures: BurstFigures): readonly Goal[] {
  return (['instances', 'processes'] as const).flatMap((how) => {
    const { sidecars, failures, exchanges } = figures[how]
    const which = `${sidecars} cold sidecars, ${how}`
    return [
      { id: 'P10', name: `failures of ${which}`, floor: 0, aim: 0, isCeiling: true, values: [failures] },
      {
        id: 'P10',
        name: `exchanges for each key of ${which}`,
        floor: 1,
        aim: 1,
        isCeiling: true,
        // Fewer would be as wrong as more.
        values: [Math.max(exchanges / sidecars, sidecars / exchanges)],
      },
    ]
  })
}

/** Said plainly, so that nobody takes silence for success. */
export const unmeasuredGoals: readonly Goal[] = [
  { id: 'P1', name: 'exchange RS256 / that of Keycloak', notMeasured: 'needs Keycloak' },
  { id: 'P2', name: 'exchange ES256 / that of Keycloak', notMeasured: 'needs Keycloak' },
  { id: 'P5', name: 'p99 at 100 a second / that of Keycloak', notMeasured: 'needs Keycloak' },
  { id: 'P8', name: 'exchanges a second over JetStream', notMeasured: 'needs JetStream' },
  { id: 'P9', name: 'answers without a record when killed', notMeasured: 'no figure; test/broker/audit/crash.test.ts' },
]
