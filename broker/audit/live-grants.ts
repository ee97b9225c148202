import { epochSeconds } from '../../core/clock.ts'
import type { GrantOrigin, LiveGrant } from './grant-book.ts'

/** What all tokens of one holder have in common: a pod that renews its token is one holder. */
type Holder = GrantOrigin & {
  readonly key: string
  /** Also of tokens that were forgotten since; tidied when those are more than half. */
  jtis: string[]
  live: number
}

/** As little as one token needs: a busy broker keeps a million of them. */
interface Held {
  readonly holder: Holder
  /** Undefined where it is the `jti`, as with the built-in issuer. */
  readonly exchangeId: string | undefined
  /** Whole seconds, as the `exp` of a token has them. */
  readonly expiresAtSeconds: number
  isRevoked: boolean
}

/** Grants by token and by run, until they expire. */
export interface LiveGrants {
  put(grant: LiveGrant): void
  get(jti: string): LiveGrant | undefined
  ofRun(run: string): readonly LiveGrant[]
  matching(isSelected: (origin: GrantOrigin) => boolean): readonly LiveGrant[]
  revoke(jti: string): void
  /** Forgets what expired at `now` or before; looks at nothing else. */
  sweep(now: Date): void
}

/** Tokens that expire within the same so many seconds are forgotten together. */
const sliceSeconds = 15

export function createLiveGrants(): LiveGrants {
  const tokens = new Map<string, Held>()
  const holders = new Map<string, Holder>()
  const holdersOfRuns = new Map<string, Set<Holder>>()
  const slices = new Map<number, string[]>()

  function holderOf(grant: LiveGrant): Holder {
    const key = holderKey(grant)
    const known = holders.get(key)
    if (known !== undefined) return known
    const { jti: _jti, exchangeId: _id, expiresAt: _at, isRevoked: _is, ...common } = grant
    const holder: Holder = { ...common, key, jtis: [], live: 0 }
    holders.set(key, holder)
    if (grant.run !== undefined) listIn(holdersOfRuns, grant.run).add(holder)
    return holder
  }

  function put(grant: LiveGrant): void {
    const { jti, exchangeId, isRevoked } = grant
    forget(jti)
    const holder = holderOf(grant)
    const expiresAtSeconds = epochSeconds(grant.expiresAt)
    tokens.set(jti, { holder, exchangeId: exchangeId === jti ? undefined : exchangeId, expiresAtSeconds, isRevoked })
    holder.jtis.push(jti)
    holder.live += 1
    const slice = Math.ceil(expiresAtSeconds / sliceSeconds)
    const others = slices.get(slice)
    if (others === undefined) slices.set(slice, [jti])
    else others.push(jti)
  }

  function forget(jti: string): void {
    const holder = tokens.get(jti)?.holder
    if (holder === undefined) return
    tokens.delete(jti)
    holder.live -= 1
    if (holder.live === 0) forgetHolder(holder)
    else if (holder.jtis.length > 2 * holder.live) holder.jtis = jtisOf(holder)
  }

  function forgetHolder(holder: Holder): void {
    holders.delete(holder.key)
    if (holder.run === undefined) return
    const others = holdersOfRuns.get(holder.run)
    others?.delete(holder)
    if (others?.size === 0) holdersOfRuns.delete(holder.run)
  }

  /** A token may have been put again, by the same holder or by another. */
  function jtisOf(holder: Holder): string[] {
    return [...new Set(holder.jtis)].filter((jti) => tokens.get(jti)?.holder === holder)
  }

  function get(jti: string): LiveGrant | undefined {
    const held = tokens.get(jti)
    return held && describe(jti, held)
  }

  return Object.freeze({
    put,
    get,
    ofRun(run: string) {
      return [...(holdersOfRuns.get(run) ?? [])].flatMap(jtisOf).flatMap((jti) => get(jti) ?? [])
    },
    matching(isSelected: (origin: GrantOrigin) => boolean) {
      return [...holders.values()]
        .filter(isSelected)
        .flatMap(jtisOf)
        .flatMap((jti) => get(jti) ?? [])
    },
    revoke(jti: string) {
      const held = tokens.get(jti)
      if (held !== undefined) held.isRevoked = true
    },
    sweep(now: Date) {
      const current = Math.floor(epochSeconds(now) / sliceSeconds)
      for (const [slice, jtis] of slices) {
        if (slice > current) continue
        slices.delete(slice)
        // One that was put again may live longer than the slice it was in first.
        for (const jti of jtis) if ((tokens.get(jti)?.expiresAtSeconds ?? 0) <= epochSeconds(now)) forget(jti)
      }
    },
  })
}

function describe(jti: string, { holder, exchangeId = jti, expiresAtSeconds, isRevoked }: Held): LiveGrant {
  const { key: _key, jtis: _jtis, live: _live, ...common } = holder
  return { ...common, jti, exchangeId, expiresAt: new Date(expiresAtSeconds * 1000), isRevoked }
}

function holderKey(grant: LiveGrant): string {
  const { run, podUid, audience, scope, subject, cluster, namespace, serviceAccount, policyUid, provider } = grant
  const who = [subject, cluster, namespace, serviceAccount, policyUid, provider]
  return JSON.stringify([run, podUid, audience, scope, ...who])
}

function listIn<T>(sets: Map<string, Set<T>>, key: string): Set<T> {
  const known = sets.get(key)
  if (known !== undefined) return known
  const made = new Set<T>()
  sets.set(key, made)
  return made
}
