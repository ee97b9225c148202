import type { Site } from './site.ts'

/** What a check found. A sentence each; the mend says what to do, or which right is needed to look. */
export type Finding =
  | { readonly status: 'ok'; readonly found: string }
  | { readonly status: 'warn' | 'fail'; readonly found: string; readonly mend: string }

/** One thing that has to be right: a file of its own and a line in `checks.ts`. */
export interface Check {
  /** Two or three words; people and scripts know the check by them. */
  readonly name: string
  /** May throw what {@link Site}'s methods throw; `run-checks.ts` says what becomes of it. */
  run(site: Site): Promise<Finding>
}

export function ok(found: string): Finding {
  return { status: 'ok', found }
}

export function warn(found: string, mend: string): Finding {
  return { status: 'warn', found, mend }
}

export function fail(found: string, mend: string): Finding {
  return { status: 'fail', found, mend }
}

/**
 * A mend by the chart. Helm 4 applies on the server, which refuses a field that somebody changed with kubectl unless it is
 * forced; Helm 3 overwrites it, and knows no such flag.
 *
 * @param rest what it does, or with which values
 */
export function byUpgrade(rest: string): string {
  return `helm upgrade --force-conflicts (Helm 4; Helm 3 takes none) ${rest}`
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
