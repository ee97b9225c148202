import type { Logger } from 'pino'
import type { Clock } from '../../core/clock.ts'
import type { AuditDisk } from './disk.ts'

interface DiskWatchOptions {
  readonly directory: string
  /** Below this nothing more is appended, so that there is room to say so and to recover. */
  readonly minFreeBytes: number
  readonly disk: AuditDisk
  readonly clock: Clock
  readonly log: Logger
}

/** Knows whether the journal's file system is about to be full. */
export interface DiskWatch {
  /** The last answer; asks again in the background when it is older than five seconds. */
  isLow(): boolean
  /** Asks now. */
  refresh(): Promise<void>
}

const maxAgeMs = 5000

export function createDiskWatch({ directory, minFreeBytes, disk, clock, log }: DiskWatchOptions): DiskWatch {
  let isLow = false
  let askedAtMs = Number.NEGATIVE_INFINITY
  let isAsking = false

  async function refresh(): Promise<void> {
    isAsking = true
    askedAtMs = clock().getTime()
    try {
      const freeBytes = await disk.freeBytes(directory)
      const wasLow = isLow
      isLow = freeBytes < minFreeBytes
      if (isLow && !wasLow) log.error({ free_bytes: freeBytes, min_free_bytes: minFreeBytes }, 'audit disk nearly full')
      if (!isLow && wasLow) log.info({ free_bytes: freeBytes }, 'audit disk has room again')
    } catch (error) {
      // The answer stays what it was: a volume that is gone shows at the next write.
      log.warn({ err: error }, 'audit disk cannot be asked for its free space')
    } finally {
      isAsking = false
    }
  }

  return Object.freeze({
    isLow() {
      const isOld = Math.abs(clock().getTime() - askedAtMs) >= maxAgeMs
      if (isOld && !isAsking) void refresh()
      return isLow
    },
    refresh,
  })
}
