import { join } from 'node:path'
import { formatSegmentName } from '../../core/audit/segment-name.ts'
import type { AppendFile, AuditDisk } from './disk.ts'
import type { LineStore } from './group-writer.ts'

interface SegmentStoreOptions {
  readonly directory: string
  readonly epoch: number
  readonly chainUid: string
  /** A segment gets no further group once it would pass this size. */
  readonly segmentBytes: number
  readonly disk: AuditDisk
  /** Milliseconds from any moment, never going back; for {@link SegmentStore.lastSyncMs} alone. */
  readonly monotonicMs: () => number
}

/** The segment that is written to. */
interface Current {
  readonly file: AppendFile
  readonly sizeBytes: number
}

/** Writes groups of lines to segments, durably, and begins a new one when one is full. */
export class SegmentStore implements LineStore {
  readonly #options: SegmentStoreOptions
  #current: Current | undefined
  #lastSyncMs = 0

  /** @param current segment to continue; without one the first write begins the first */
  constructor(options: SegmentStoreOptions, current?: Current) {
    this.#options = options
    this.#current = current
  }

  /** How long the last group took to be durable. */
  get lastSyncMs(): number {
    return this.#lastSyncMs
  }

  /** Resolves when the bytes are durable; after a rejection the store is spent. */
  async write(bytes: Uint8Array, firstSequence: number): Promise<void> {
    const { segmentBytes, monotonicMs } = this.#options
    const { file, sizeBytes } =
      this.#current === undefined || isFull(this.#current, bytes, segmentBytes)
        ? await this.#begin(firstSequence)
        : this.#current
    const startedMs = monotonicMs()
    await file.append(bytes)
    this.#lastSyncMs = monotonicMs() - startedMs
    this.#current = { file, sizeBytes: sizeBytes + bytes.byteLength }
  }

  async close(): Promise<void> {
    await this.#current?.file.close()
    this.#current = undefined
  }

  async #begin(firstSequence: number): Promise<Current> {
    const { directory, epoch, chainUid, disk } = this.#options
    const path = join(directory, formatSegmentName({ epoch, chainUid, firstSequence }))
    const file = await disk.open(path, { isNew: true })
    // Without this a power cut could take the name, and with it records that were synced.
    await disk.syncDirectory(directory)
    await this.#current?.file.close()
    this.#current = { file, sizeBytes: 0 }
    return this.#current
  }
}

function isFull(current: Current, bytes: Uint8Array, segmentBytes: number): boolean {
  return current.sizeBytes > 0 && current.sizeBytes + bytes.byteLength > segmentBytes
}
