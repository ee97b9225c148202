import { stat } from 'node:fs/promises'
import { type ChainHead, GENESIS, maxLineBytes, sequenceText } from '../../core/audit/chain.ts'
import { ChainVerifier } from '../../core/audit/chain-verifier.ts'
import type { AuditRecord, AuditRecovery } from '../../core/audit/event.ts'
import type { AuditLine } from '../../core/audit/lines.ts'
import { type Offence, offenceAt } from '../../core/audit/offence.ts'
import type { AuditDisk } from './disk.ts'
import { JournalUnusable } from './journal-unusable.ts'
import { listSegments, readLines, type Segment } from './segments.ts'

interface RecoverOptions {
  readonly directory: string
  readonly disk: AuditDisk
  readonly newId: () => string
  /** Sees every verified record of the chain that is continued, in order. */
  readonly onRecord: (record: AuditRecord) => void
  /** Begin a new chain where the last one cannot be verified. */
  readonly acceptNewEpoch: boolean
  /** Head remembered outside the journal: a chain that ends before it lost its tail. */
  readonly expectedHead?: ChainHead
}

/** Where the journal goes on. */
export interface Recovered {
  readonly epoch: number
  readonly head: ChainHead
  /** Segment to continue; without one a new one is begun. */
  readonly segment: { readonly path: string; readonly sizeBytes: number } | undefined
  /** What happened, to be recorded before anything else. */
  readonly note:
    | { readonly reason: 'recovered_torn_tail' | 'accepted_new_epoch'; readonly recovery: AuditRecovery }
    | undefined
}

/** What a reading of one chain found. */
interface Scan {
  readonly head: ChainHead | undefined
  readonly torn: AuditLine | undefined
  readonly offence: Offence | undefined
}

/** Ids within which a repeated one is noticed at start; the offline verifier remembers more. */
const trackedIds = 10_000

/**
 * Checks the newest chain of a directory from its first retained record to its last, and cuts off an incomplete last
 * line, which was never acknowledged. Nothing else is ever mended.
 *
 * @throws JournalUnusable `damaged` when the chain does not verify and no new epoch is accepted
 */
export async function recover(options: RecoverOptions, signal: AbortSignal): Promise<Recovered> {
  const segments = await listSegments(options.directory)
  const last = segments.at(-1)
  if (last === undefined) return freshChain(options.newId(), 1)

  const chain = segments.filter(({ epoch }) => epoch === last.epoch)
  // A chain that may have to be given up must not fill anybody's projection, so it is read twice.
  const first = options.acceptNewEpoch
    ? await scan(chain, { ...options, onRecord: () => undefined }, signal)
    : undefined
  if (first?.offence !== undefined) return newEpoch(options.newId(), last.epoch, { ...first, offence: first.offence })
  const found = await scan(chain, options, signal)
  if (found.offence !== undefined) throw damaged(found.offence)
  if (found.head === undefined && last.epoch > 1) {
    // Not even the record that says why this chain began: it never did, so the one before decides again.
    await options.disk.remove(last.path, options.directory)
    return await recover(options, signal)
  }
  return await continueChain(last, found, options.disk)
}

async function continueChain(last: Segment, { head, torn }: Scan, disk: AuditDisk): Promise<Recovered> {
  const known = head ?? emptyHead(last.chainUid)
  if (torn === undefined) {
    return {
      epoch: last.epoch,
      head: known,
      segment: { path: last.path, sizeBytes: (await stat(last.path)).size },
      note: undefined,
    }
  }
  await disk.truncate(last.path, torn.offset)
  const recovery = { truncated_bytes: torn.end - torn.offset }
  const segment = { path: last.path, sizeBytes: torn.offset }
  return { epoch: last.epoch, head: known, segment, note: { reason: 'recovered_torn_tail', recovery } }
}

function freshChain(chainUid: string, epoch: number): Recovered {
  return { epoch, head: emptyHead(chainUid), segment: undefined, note: undefined }
}

function newEpoch(chainUid: string, epoch: number, { head, offence }: Scan & { readonly offence: Offence }): Recovered {
  const previous = head && {
    chain_uid: head.chainUid,
    sequence: sequenceText(head.sequence),
    fingerprint: head.fingerprint,
  }
  const recovery = { offence: offenceText(offence), ...(previous && { previous_head: previous }) }
  return { ...freshChain(chainUid, epoch + 1), note: { reason: 'accepted_new_epoch', recovery } }
}

function emptyHead(chainUid: string): ChainHead {
  return { chainUid, sequence: 0, fingerprint: GENESIS }
}

async function scan(
  segments: readonly Segment[],
  { onRecord, expectedHead }: Pick<RecoverOptions, 'onRecord' | 'expectedHead'>,
  signal: AbortSignal,
): Promise<Scan> {
  const anchor = expectedHead?.chainUid === segments[0]?.chainUid ? expectedHead : undefined
  const verifier = new ChainVerifier({
    allowsPrunedBeginning: true,
    trackedIds,
    ...(anchor && { expectedHead: anchor }),
  })
  const head = (): ChainHead | undefined => verifier.chains.at(-1)?.head
  for await (const { segment, line } of linesOf(segments, signal)) {
    if (segment === segments.at(-1) && isTornWrite(line)) {
      return { head: head(), torn: line, offence: verifier.finish() ?? missingBefore(segment, head()) }
    }
    const { record, offence } = verifier.accept(line)
    const wrong = offence ?? (record && misplaced(record, line, segment))
    if (wrong !== undefined) return { head: head(), torn: undefined, offence: wrong }
    if (record !== undefined) onRecord(record)
  }
  return { head: head(), torn: undefined, offence: verifier.finish() ?? missingBefore(segments.at(-1), head()) }
}

/** An empty segment still tells, by its name, how far the chain had come. */
function missingBefore(last: Segment | undefined, head: ChainHead | undefined): Offence | undefined {
  const before = (last?.firstSequence ?? 1) - 1
  return before > (head?.sequence ?? 0) ? offenceAt('missing_tail', undefined, before) : undefined
}

async function* linesOf(segments: readonly Segment[], signal: AbortSignal) {
  for (const segment of segments) {
    for await (const line of readLines(segment, 0, signal)) yield { segment, line }
  }
}

/** A crash leaves part of one line; more than a line without line feed is something else. */
function isTornWrite(line: AuditLine): boolean {
  return !line.isTerminated && line.end - line.offset < maxLineBytes
}

/** A record in a file of another name: files were exchanged or renamed. */
function misplaced(record: AuditRecord, line: AuditLine, segment: Segment): Offence | undefined {
  const sequence = Number(record.sequence)
  if (record.data.attestation.chain_uid !== segment.chainUid) return offenceAt('foreign_chain', line, sequence)
  // Behind the first line the chain itself says what must follow.
  return line.line === 1 && sequence !== segment.firstSequence ? offenceAt('gap', line, sequence) : undefined
}

function offenceText({ file, line, message }: Offence): string {
  return file === undefined ? message : `${file}, line ${line}: ${message}`
}

function damaged(offence: Offence): JournalUnusable {
  return new JournalUnusable(
    'damaged',
    `The audit journal does not verify: ${offenceText(offence)}. Keep a copy of the directory and find out who changed ` +
      'it (tokenbroker audit verify). Then start once with audit.acceptNewEpoch: true; a new chain begins that says so',
  )
}
