import type { AuditRecord } from '../../core/audit/event.ts'
import type { Clock } from '../../core/clock.ts'
import { holderKey, ledgerKey, ledgers, readAgentGrant, runName } from './agent-grant.ts'
import type { AgentGrant, Budget, Ledger, SpentBudget } from './grant-book.ts'
import { createHourCounts, hourMs } from './hour-counts.ts'
import { runOf } from './read-grant.ts'

/** How many grants agents had: a projection of the journal, and the places that are taken meanwhile. */
export interface AgentBudgets {
  /** Takes one durable record; in journal order, at recovery and after each append. */
  apply(record: AuditRecord): void
  /**
   * Takes a place for a grant that is about to be issued; a renewal needs none. It is given back by `release`, or becomes
   * a grant by its record.
   *
   * @returns what is spent; then nothing was taken
   */
  reserve(grant: AgentGrant, budgets: Readonly<Record<Ledger, Budget>>): SpentBudget | undefined
  /** What `reserve` would say; takes nothing. */
  spent(grant: AgentGrant, budgets: Readonly<Record<Ledger, Budget>>): SpentBudget | undefined
  /** Nothing came of that exchange. Without effect for one that took no place, or became a grant. */
  release(exchangeId: string): void
  sweep(now: Date): void
}

interface RunCounts {
  readonly holders: Set<string>
  readonly granted: Map<string, number>
  lastMs: number
}

/** A place that is taken: equal requests beside one another share it. */
interface Place {
  readonly keys: readonly string[]
  readonly exchanges: Set<string>
}

interface Options {
  readonly clock: Clock
  /** Runs that are remembered at once; the one that was quiet longest is forgotten first. Default 100,000. */
  readonly maxRuns?: number
}

/** A run that got nothing for so long and whose end nobody reported. In docs/architecture.md#caches */
const quietMs = 7 * 24 * 3600 * 1000
/** The greatest budget there can be: beyond it nobody needs to know who holds what. */
const maxHolders = 10_000

export function createAgentBudgets({ clock, maxRuns = 100_000 }: Options): AgentBudgets {
  const runs = new Map<string, RunCounts>()
  const hours = createHourCounts()
  const places = new Map<string, Place>()
  const placeOf = new Map<string, string>()
  const taken = new Map<string, number>()

  function addTo(key: string, change: 1 | -1): void {
    const count = (taken.get(key) ?? 0) + change
    if (count === 0) taken.delete(key)
    else taken.set(key, count)
  }

  function vacate(place: string): void {
    for (const key of places.get(place)?.keys ?? []) addTo(key, -1)
    places.delete(place)
  }

  function release(exchangeId: string): void {
    const place = placeOf.get(exchangeId)
    if (place === undefined) return
    placeOf.delete(exchangeId)
    const exchanges = places.get(place)?.exchanges
    exchanges?.delete(exchangeId)
    if (exchanges?.size === 0) vacate(place)
  }

  function spentOf(grant: AgentGrant, ledger: Ledger, { perRun, perHour }: Budget): SpentBudget | undefined {
    const inRun =
      (runs.get(runName(grant))?.granted.get(ledgerKey(ledger, grant)) ?? 0) + takenIn(runKeyOf(ledger, grant))
    if (perRun !== undefined && inRun >= perRun) return { ledger, per: 'run', limit: perRun }
    const hourKey = hourKeyOf(ledger, grant)
    const inHour = hours.count(hourKey, clock().getTime()) + takenIn(hourKey)
    return perHour !== undefined && inHour >= perHour ? { ledger, per: 'hour', limit: perHour } : undefined
  }

  function isHolder(grant: AgentGrant): boolean {
    return runs.get(runName(grant))?.holders.has(holderKey(grant)) ?? false
  }

  function spent(grant: AgentGrant, budgets: Readonly<Record<Ledger, Budget>>): SpentBudget | undefined {
    if (isHolder(grant) || places.has(holderKey(grant))) return undefined
    return spentOf(grant, 'policy', budgets.policy) ?? spentOf(grant, 'provider', budgets.provider)
  }

  const takenIn = (key: string): number => taken.get(key) ?? 0

  function countsOf(name: string, atMs: number): RunCounts {
    const counts = runs.get(name) ?? { holders: new Set(), granted: new Map(), lastMs: atMs }
    // The newest is last, so that the first is the one to forget.
    runs.delete(name)
    runs.set(name, counts)
    counts.lastMs = atMs
    const [oldest] = runs.keys()
    if (runs.size > maxRuns && oldest !== undefined) runs.delete(oldest)
    return counts
  }

  function count(grant: AgentGrant, atMs: number): void {
    const counts = countsOf(runName(grant), atMs)
    const holder = holderKey(grant)
    if (counts.holders.has(holder)) return
    if (counts.holders.size < maxHolders) counts.holders.add(holder)
    for (const ledger of ledgers) {
      const key = ledgerKey(ledger, grant)
      counts.granted.set(key, (counts.granted.get(key) ?? 0) + 1)
      if (atMs >= clock().getTime() - hourMs) hours.add(hourKeyOf(ledger, grant), atMs)
    }
  }

  return Object.freeze({
    apply(record: AuditRecord) {
      const run = record.type === 'dev.tokenbroker.run.ended.v1' ? runOf(record) : undefined
      if (run !== undefined) runs.delete(run)
      const grant = readAgentGrant(record)
      if (grant === undefined) return
      vacate(holderKey(grant))
      placeOf.delete(grant.exchangeId)
      const atMs = new Date(record.time).getTime()
      if (atMs > clock().getTime() - quietMs) count(grant, atMs)
    },
    spent,
    reserve(grant: AgentGrant, budgets: Readonly<Record<Ledger, Budget>>) {
      const name = holderKey(grant)
      if (isHolder(grant)) return undefined
      if (!places.has(name)) {
        const found = spent(grant, budgets)
        if (found !== undefined) return found
        const keys = ledgers.flatMap((ledger) => [runKeyOf(ledger, grant), hourKeyOf(ledger, grant)])
        places.set(name, { keys, exchanges: new Set() })
        for (const key of keys) addTo(key, 1)
      }
      places.get(name)?.exchanges.add(grant.exchangeId)
      placeOf.set(grant.exchangeId, name)
      return undefined
    },
    release,
    sweep(now: Date) {
      hours.sweep(now.getTime())
      for (const [name, { lastMs }] of runs) if (lastMs <= now.getTime() - quietMs) runs.delete(name)
    },
  })
}

function runKeyOf(ledger: Ledger, grant: AgentGrant): string {
  return `run ${ledgerKey(ledger, grant)} ${runName(grant)}`
}

function hourKeyOf(ledger: Ledger, grant: AgentGrant): string {
  return `hour ${ledgerKey(ledger, grant)} ${grant.namespace}/${grant.serviceAccount}`
}
