import type { FormCase } from '../form.ts'
import type { PresetName } from '../presets.ts'

/** One token that a pod is to have. */
export interface TokenAsk {
  /** Name of its directory: the alias, else the policy. */
  readonly name: string
  readonly policy: string
  /** Narrower than the policy; undefined: as the policy says. */
  readonly audience: string | undefined
  readonly scopes: readonly string[] | undefined
  /** Steps that get it, as the Task names them; undefined: every step. */
  readonly steps: readonly string[] | undefined
  readonly as: readonly PresetName[]
  /** What its forms are for; absent where it has none. */
  readonly target?: Omit<FormCase, 'ownVariables'>
}

/** Something that cannot be done as asked: a clause that says the mend, without values that may be credentials. */
export type Complaint = string

export interface MergedAsks {
  readonly asks: readonly TokenAsk[]
  readonly complaints: readonly Complaint[]
}

/** One ask for each name. Several that ask for the same token are one, whose steps and forms are those of all. */
export function mergeAsks(all: readonly TokenAsk[]): MergedAsks {
  const merged = new Map<string, TokenAsk>()
  const clashing = new Set<string>()
  for (const ask of all) {
    const before = merged.get(ask.name)
    if (before !== undefined && !isSameToken(before, ask)) clashing.add(ask.name)
    merged.set(ask.name, before === undefined ? ask : joined(before, ask))
  }
  const complaints = [...clashing].map(
    (name) => `two different tokens are asked for under the name ${name}: give one an alias (inject: alias=policy)`,
  )
  return { asks: [...merged.values()], complaints }
}

function isSameToken(a: TokenAsk, b: TokenAsk): boolean {
  return a.policy === b.policy && a.audience === b.audience && scopeKey(a) === scopeKey(b)
}

function scopeKey({ scopes }: TokenAsk): string {
  return scopes === undefined ? '' : scopes.toSorted().join(' ')
}

function joined(a: TokenAsk, b: TokenAsk): TokenAsk {
  const steps = a.steps === undefined || b.steps === undefined ? undefined : [...new Set([...a.steps, ...b.steps])]
  return { ...a, steps, as: [...new Set([...a.as, ...b.as])] }
}
