import { canonicalJson } from './canonical-json.ts'
import { type ChainHead, fingerprintOf, GENESIS } from './chain.ts'
import type { AuditRecord } from './event.ts'
import type { AuditLine } from './lines.ts'
import { type Offence, type OffenceKind, offenceAt } from './offence.ts'
import { parseRecord } from './parse-record.ts'
import { createRecentIds, type RecentIds } from './recent-ids.ts'

export interface VerifierOptions {
  /** A head that was remembered outside the journal. */
  readonly expectedHead?: ChainHead
  /** Where whole segments were pruned from the beginning. Default false: that is `missing_beginning`. */
  readonly allowsPrunedBeginning?: boolean
  /** How many ids are remembered to find a repeated one. Default 200 000, some 20 MB. */
  readonly trackedIds?: number
}

/** The verified part of one chain. */
export interface VerifiedChain {
  readonly firstSequence: number
  readonly head: ChainHead
  readonly records: number
  /** Times of the first and the last record. */
  readonly from: string
  readonly until: string
  /** Largest step back of the clock between two records; small ones are concurrent requests, large ones are not. */
  readonly clockRegressionMs: number
}

/** Either the record that the line holds, verified, or what is wrong with it; neither for a line that is passed over. */
export interface LineJudgement {
  readonly record?: AuditRecord
  readonly offence?: Offence
}

/**
 * Follows hash chains line by line. After an offence nothing more of that chain can be believed, so lines are passed
 * over until a new chain begins.
 */
export class ChainVerifier {
  readonly #options: VerifierOptions
  readonly #ids: RecentIds
  readonly #chains: VerifiedChain[] = []
  readonly #chainUids = new Set<string>()
  #isLost = false
  #torn: AuditLine | undefined
  #isAnchored = false

  constructor(options: VerifierOptions = {}) {
    this.#options = options
    this.#ids = createRecentIds(options.trackedIds ?? 200_000)
  }

  get chains(): readonly VerifiedChain[] {
    return this.#chains
  }

  /** Whether the expected head was met, so that everything up to it is what was anchored. */
  get isAnchored(): boolean {
    return this.#isAnchored
  }

  /** Takes the next line, in the order of file names and then of lines. */
  accept(line: AuditLine): LineJudgement {
    const torn = this.#torn
    if (torn === undefined) return this.#judge(line)
    this.#torn = undefined
    this.#isLost = true
    return { ...this.#judge(line), offence: offenceAt('cut_line', torn, undefined) }
  }

  /** What can only be said at the end: a torn last line, an anchor that was never reached. */
  finish(): Offence | undefined {
    const { expectedHead } = this.#options
    const isShort = expectedHead !== undefined && !this.#isAnchored && !this.#isLost
    if (isShort) return offenceAt('missing_tail', undefined, expectedHead.sequence)
    return this.#torn === undefined ? undefined : offenceAt('torn_tail', this.#torn, undefined)
  }

  #judge(line: AuditLine): LineJudgement {
    if (!line.isTerminated) {
      this.#torn = line
      return {}
    }
    const record = line.text === undefined ? undefined : parseRecord(line.text)
    if (this.#isLost && (record === undefined || !this.#beginsChain(record))) return {}
    if (record === undefined) return this.#lose(offenceAt('malformed', line, undefined))
    const sequence = Number(record.sequence)
    const flaw = contentFlaw(record, line.text) ?? this.#positionFlaw(record, sequence)
    const offence = flaw === undefined ? undefined : offenceAt(flaw, line, sequence)
    if (offence?.verdict === 'tampered') return this.#lose(offence)
    this.#advance(record, sequence)
    return offence === undefined ? { record } : { record, offence }
  }

  #lose(offence: Offence): LineJudgement {
    this.#isLost = true
    return { offence }
  }

  #beginsChain(record: AuditRecord): boolean {
    const { chain_uid: chainUid, prev_event: previous } = record.data.attestation
    return Number(record.sequence) === 1 && previous === GENESIS && !this.#chainUids.has(chainUid)
  }

  #positionFlaw(record: AuditRecord, sequence: number): OffenceKind | undefined {
    const { chain_uid: chainUid, prev_event: previous, fingerprint } = record.data.attestation
    const head = this.#chains.at(-1)?.head
    if (head?.chainUid !== chainUid) return this.#newChainFlaw(record, sequence, head)
    if (sequence > head.sequence + 1) return 'gap'
    if (sequence <= head.sequence) return 'repeated'
    if (previous !== head.fingerprint) return 'broken_link'
    if (!this.#ids.add(record.id)) return 'duplicate_id'
    return this.#isRewritten(chainUid, sequence, fingerprint) ? 'anchor_mismatch' : undefined
  }

  #newChainFlaw(record: AuditRecord, sequence: number, before: ChainHead | undefined): OffenceKind | undefined {
    const { chain_uid: chainUid, prev_event: previous, fingerprint } = record.data.attestation
    if (!this.#ids.add(record.id)) return 'duplicate_id'
    if (this.#isRewritten(chainUid, sequence, fingerprint)) return 'anchor_mismatch'
    if (this.#beginsChain(record)) return before === undefined || this.#isLost ? undefined : linkFlaw(record, before)
    if (sequence === 1 && previous !== GENESIS) return 'broken_link'
    // Only the very first chain may have lost its beginning; what comes later can be held against it.
    if (before !== undefined) return 'foreign_chain'
    return this.#options.allowsPrunedBeginning === true ? undefined : 'missing_beginning'
  }

  #isRewritten(chainUid: string, sequence: number, fingerprint: string): boolean {
    const expected = this.#options.expectedHead
    return expected?.chainUid === chainUid && expected.sequence === sequence && expected.fingerprint !== fingerprint
  }

  #advance(record: AuditRecord, sequence: number): void {
    const { chain_uid: chainUid, fingerprint } = record.data.attestation
    const head = { chainUid, sequence, fingerprint }
    const { time } = record
    const chain = this.#chains.at(-1)
    this.#isLost = false
    this.#isAnchored ||=
      this.#options.expectedHead?.chainUid === chainUid && this.#options.expectedHead.sequence === sequence
    if (chain?.head.chainUid !== chainUid) {
      this.#chainUids.add(chainUid)
      this.#chains.push({ firstSequence: sequence, head, records: 1, from: time, until: time, clockRegressionMs: 0 })
      return
    }
    const stepBackMs = Math.max(chain.clockRegressionMs, Date.parse(chain.until) - Date.parse(time))
    const grown = { ...chain, head, records: chain.records + 1, until: time, clockRegressionMs: stepBackMs }
    this.#chains[this.#chains.length - 1] = grown
  }
}

function contentFlaw(record: AuditRecord, text: string | undefined): OffenceKind | undefined {
  try {
    if (canonicalJson(record) !== text) return 'not_canonical'
    return fingerprintOf(record) === record.data.attestation.fingerprint ? undefined : 'edited'
  } catch {
    return 'not_canonical'
  }
}

function linkFlaw(record: AuditRecord, before: ChainHead): OffenceKind | undefined {
  const named = record.data.recovery?.previous_head
  if (named?.chain_uid !== before.chainUid) return 'unlinked_chain'
  const sequence = Number(named.sequence)
  if (sequence > before.sequence) return 'missing_tail'
  return sequence === before.sequence && named.fingerprint === before.fingerprint ? undefined : 'unlinked_chain'
}
