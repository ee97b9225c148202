import type { Assurance } from '../identity/run.ts'

const rank: Readonly<Record<Assurance, number>> = { none: 0, claimed: 1, verified: 2 }

/** Whether what is known of a run is at least as sure as is asked. */
export function isAtLeast(found: Assurance, asked: Assurance): boolean {
  return rank[found] >= rank[asked]
}
