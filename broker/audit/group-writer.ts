import type { ChainHead, SealedRecord } from '../../core/audit/chain.ts'
import type { AuditEntry, AuditRecord, Receipt } from '../../core/audit/event.ts'
import { Problem } from '../../core/problem.ts'
import type { Alarm } from './alarm.ts'

/** Where groups of lines become durable. */
export interface LineStore {
  /** Resolves when the bytes are durable. Never called again after a rejection. */
  write(bytes: Uint8Array, firstSequence: number): Promise<void>
}

interface GroupWriterOptions {
  /** What the first record continues. */
  readonly head: ChainHead
  readonly seal: (entry: AuditEntry, head: ChainHead) => SealedRecord
  readonly store: LineStore
  /** Entries that may wait beside those being written. */
  readonly queueRecords: number
  /** A write that takes longer is taken for a stalled disk. */
  readonly stallMs: number
  readonly alarm: Alarm
  /** Sees every durable record in order, before its append resolves. Must not throw. */
  readonly onDurable: (record: AuditRecord) => void
  /** Told once, when the writer stops for good. */
  readonly onFailure: (cause: unknown) => void
}

interface Pending {
  readonly sealed: SealedRecord
  readonly head: ChainHead
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (problem: Problem) => void
}

type State = 'open' | 'stalled' | 'failed' | 'closed'

/** Longest group in UTF-16 units: bounds the buffer, not the rate. */
const maxGroupLength = 1024 * 1024

const refusals = {
  stalled: 'the disk of the audit journal has stalled',
  failed: 'the audit journal could not be written and has stopped: restart the broker, which checks it',
  closed: 'the audit journal is closed',
  queue_full: 'too many records wait for the disk of the audit journal',
} as const

/**
 * Writes records in groups: one write is under way, and what comes meanwhile forms the next group, which starts at once.
 * There is no timer to wait for, so a lone caller pays for one write alone.
 *
 * ```
 *          append            write done
 *   open ──────────▶ open ──────────────▶ open        promises resolve
 *    │ ▲                                               stalled: all promises reject; what waited is dropped, what
 *    │ └─ late, done ── stalled ◀─ stallMs             is being written may yet land, unacknowledged
 *    └─── error ──────▶ failed                         for good: nobody knows what the file holds
 * ```
 */
export class GroupWriter {
  readonly #options: GroupWriterOptions
  #state: State = 'open'
  #waiting: Pending[] = []
  #writing: Pending[] = []
  /** What the next record continues; behind it lies all that was sealed, before it {@link durable}. */
  #sealed: ChainHead
  #durable: ChainHead
  #pumping: Promise<void> | undefined

  constructor(options: GroupWriterOptions) {
    this.#options = options
    this.#sealed = options.head
    this.#durable = options.head
  }

  /** Last record that is durable. */
  get durable(): ChainHead {
    return this.#durable
  }

  get queueLength(): number {
    return this.#waiting.length + this.#writing.length
  }

  /** Why nothing can be appended now; `undefined` when it can. */
  get refusal(): keyof typeof refusals | undefined {
    if (this.#state !== 'open') return this.#state
    return this.#waiting.length >= this.#options.queueRecords ? 'queue_full' : undefined
  }

  /**
   * Resolves when the record is durable.
   *
   * @throws Problem `audit_unavailable`; the record may be in the journal all the same
   */
  append(entry: AuditEntry): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      const { refusal } = this
      if (refusal !== undefined) throw new Problem('audit_unavailable', { detail: refusals[refusal] })
      const sealed = this.#options.seal(entry, this.#sealed)
      const head = { ...this.#sealed, sequence: this.#sealed.sequence + 1, fingerprint: sealed.fingerprint }
      this.#sealed = head
      this.#waiting.push({ sealed, head, resolve, reject })
      this.#pumping ??= this.#pump()
    })
  }

  /** Takes no more entries; resolves when all that waited was written, or rejected because `signal` was aborted. */
  async close(signal: AbortSignal): Promise<void> {
    if (this.#state === 'open' || this.#state === 'stalled') this.#state = 'closed'
    const giveUp = (): void => this.#abandon('closed')
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    await Promise.race([this.#pumping, aborted(signal)])
    signal.removeEventListener('abort', giveUp)
  }

  async #pump(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#writeGroup()
    } catch (error) {
      this.#state = 'failed'
      this.#abandon('failed', error)
      this.#writing = []
      this.#options.onFailure(error)
    } finally {
      this.#pumping = undefined
    }
  }

  async #writeGroup(): Promise<void> {
    const group = this.#takeGroup()
    this.#writing = group
    const cancel = this.#options.alarm(this.#options.stallMs, () => this.#stall())
    try {
      const text = group.map(({ sealed }) => `${sealed.line}\n`).join('')
      await this.#options.store.write(Buffer.from(text), firstSequence(group))
    } finally {
      cancel()
    }
    for (const { sealed, head, resolve } of group) {
      this.#durable = head
      this.#options.onDurable(sealed.record)
      // Has no effect on what a stall has rejected: a promise settles once.
      resolve(receipt(sealed.record, head))
    }
    this.#writing = []
    if (this.#state === 'stalled') this.#state = 'open'
  }

  #takeGroup(): Pending[] {
    let length = 0
    const end = this.#waiting.findIndex(({ sealed }, index) => {
      length += sealed.line.length + 1
      return index > 0 && length > maxGroupLength
    })
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end)
  }

  #stall(): void {
    if (this.#state === 'open') this.#state = 'stalled'
    this.#abandon('stalled')
  }

  /** Rejects everybody. What was not handed to the disk is forgotten, so the chain goes on behind what was. */
  #abandon(refusal: keyof typeof refusals, cause?: unknown): void {
    this.#sealed = this.#writing.at(-1)?.head ?? this.#durable
    const abandoned = [...this.#writing, ...this.#waiting]
    this.#waiting = []
    for (const { reject } of abandoned) reject(new Problem('audit_unavailable', { detail: refusals[refusal], cause }))
  }
}

function firstSequence([first]: readonly Pending[]): number {
  return first?.head.sequence ?? 0
}

/** The only maker of a {@link Receipt}. */
function receipt(record: AuditRecord, { sequence, chainUid }: ChainHead): Receipt {
  return { eventId: record.id, sequence, chainUid } as Receipt
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
