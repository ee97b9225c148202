/** What a token is for. Absent means: as the policy says. */
export interface TokenTarget {
  readonly policy: string
  readonly audience: string | undefined
  /** Distinct; the order means nothing. */
  readonly scope: readonly string[] | undefined
}

/** Equal exactly when the two targets ask for the same token. */
export function targetKey(target: TokenTarget): string {
  const scope = target.scope === undefined ? null : [...new Set(target.scope)].sort()
  return JSON.stringify([target.policy, target.audience ?? null, scope])
}
