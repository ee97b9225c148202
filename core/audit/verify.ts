import type { ChainHead } from './chain.ts'
import { ChainVerifier, type VerifiedChain, type VerifierOptions } from './chain-verifier.ts'
import type { AuditLine } from './lines.ts'
import type { Offence } from './offence.ts'

export type Verdict = 'ok' | 'tampered' | 'incomplete' | 'unanchored'

export interface VerifyOptions extends VerifierOptions {
  /** Makes a journal without {@link VerifierOptions.expectedHead} `unanchored` where it would be `ok`. Default false. */
  readonly demandsAnchor?: boolean
}

export interface Verification {
  readonly verdict: Verdict
  /** One or two sentences for people; says what cannot be seen without an anchor. */
  readonly message: string
  /** True when the expected head was met: the journal is complete up to it. */
  readonly isAnchored: boolean
  /** The first of the worst kind found. */
  readonly offence: Offence | undefined
  /** Records that were verified, over all chains. */
  readonly records: number
  readonly chains: readonly VerifiedChain[]
  /** Last verified record of the last chain; what to anchor. */
  readonly head: ChainHead | undefined
}

/**
 * Judges a journal offline: no record edited, inserted, deleted or moved, no chain begun anew unseen. Takes the lines of
 * all segments of one directory, in the order of their names.
 *
 * A tail that was cut off leaves a shorter but faultless chain, and whoever owns the disk can compute a new one: only an
 * expected head, kept elsewhere, can show either.
 */
export async function verifyLines(
  lines: AsyncIterable<AuditLine> | Iterable<AuditLine>,
  options: VerifyOptions = {},
): Promise<Verification> {
  const verifier = new ChainVerifier(options)
  let worst: Offence | undefined
  for await (const line of lines) worst = worse(worst, verifier.accept(line).offence)
  worst = worse(worst, verifier.finish())

  const { chains, isAnchored } = verifier
  const isUnanchored = options.demandsAnchor === true && options.expectedHead === undefined
  const verdict: Verdict = worst?.verdict ?? (isUnanchored ? 'unanchored' : 'ok')
  const records = chains.reduce((sum, chain) => sum + chain.records, 0)
  const message = worst === undefined ? describe(records, isAnchored) : describeOffence(worst, records)
  return { verdict, message, isAnchored, offence: worst, records, chains, head: chains.at(-1)?.head }
}

function worse(known: Offence | undefined, found: Offence | undefined): Offence | undefined {
  if (known === undefined || found === undefined) return known ?? found
  return known.verdict === 'incomplete' && found.verdict === 'tampered' ? found : known
}

function describe(records: number, isAnchored: boolean): string {
  const intact = `${records} records, none of them edited, inserted, moved or missing between the first and the last`
  return isAnchored
    ? `${intact}, and the anchored head is among them.`
    : `${intact}. No anchor was given, so it cannot be seen whether records were cut off at the end or written anew.`
}

function describeOffence(offence: Offence, records: number): string {
  const where = offence.file === undefined ? '' : `${offence.file}, line ${offence.line}: `
  const which = offence.sequence === undefined ? '' : ` (sequence ${offence.sequence})`
  return `${where}${offence.message}${which}. ${records} records could be verified.`
}
