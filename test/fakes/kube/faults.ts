import type { RequestInfo } from './request-info.ts'

/** Which requests are meant; every field that is given must be equal. */
export interface RequestMatch {
  readonly verb?: string
  /** Plural, such as `pods`. */
  readonly resource?: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  readonly path?: string
}

export type Fault =
  | { readonly kind: 'answer'; readonly status: number; readonly retryAfterSeconds?: number }
  | { readonly kind: 'delay'; readonly ms: number }
  /** The request is read and never answered. */
  | { readonly kind: 'hang' }
  /** The connection is reset before anything is done. */
  | { readonly kind: 'cut' }
  /** The request is carried out and its connection reset instead of the answer. */
  | { readonly kind: 'lose' }

interface Planned {
  readonly match: RequestMatch
  readonly fault: Fault
  left: number
}

/** Faults planned for requests to come. */
export interface FaultPlan {
  /** For the next `times` requests that match (default 1). @returns takes the plan back */
  next(match: RequestMatch, fault: Fault, times?: number): () => void
  take(info: RequestInfo): Fault | undefined
  clear(): void
}

export function matches(match: RequestMatch, info: RequestInfo): boolean {
  const { resource, ...same } = match
  if (resource !== undefined && resource !== info.plural) return false
  return Object.entries(same).every(([key, value]) => value === undefined || info[key as keyof RequestInfo] === value)
}

export function createFaultPlan(): FaultPlan {
  let plans: readonly Planned[] = []
  return Object.freeze({
    next(match, fault, times = 1) {
      const planned = { match, fault, left: times }
      plans = [...plans, planned]
      return () => {
        plans = plans.filter((other) => other !== planned)
      }
    },
    take(info) {
      const found = plans.find((planned) => matches(planned.match, info))
      if (found === undefined) return undefined
      found.left -= 1
      if (found.left <= 0) plans = plans.filter((other) => other !== found)
      return found.fault
    },
    clear() {
      plans = []
    },
  } satisfies FaultPlan)
}
