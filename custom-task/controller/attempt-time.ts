import { parseGoDurationMs } from '../../core/tekton/go-duration.ts'
import type { Observed } from './observed.ts'

/** Tekton's own default for a CustomRun that names no timeout. */
const defaultTimeoutMs = 60 * 60_000
const firstPauseMs = 1000
const longestPauseMs = 60_000

/** When the current attempt began: what the status says, else when this process could first begin it. */
export function attemptStart(observed: Observed): Date {
  const firstSeenMs = observed.attempt.firstSeenAt.getTime()
  const allowedMs = nextAttemptAt(observed)?.getTime() ?? firstSeenMs
  return observed.customRun.status.startTime ?? new Date(Math.max(firstSeenMs, allowedMs))
}

/**
 * When the current attempt is out of time; undefined for `timeout: 0s`, which means never. Counted from the whole second,
 * as the status will keep it, so that the deadline does not move when the start is written.
 */
export function attemptDeadline(observed: Observed): Date | undefined {
  const { timeout } = observed.customRun.spec
  const timeoutMs = (timeout === undefined ? undefined : parseGoDurationMs(timeout)) ?? defaultTimeoutMs
  const startMs = Math.floor(attemptStart(observed).getTime() / 1000) * 1000
  return timeoutMs === 0 ? undefined : new Date(startMs + timeoutMs)
}

/**
 * When the next attempt may begin: 1 s after the one before, then 2 s, 4 s, up to 60 s. Derived from the status, so
 * that a restart changes nothing.
 */
export function nextAttemptAt({ customRun }: Observed): Date | undefined {
  const { retriesStatus, startTime } = customRun.status
  const endedAt = Date.parse(retriesStatus.at(-1)?.completionTime ?? '')
  if (startTime !== undefined || Number.isNaN(endedAt)) return undefined
  return new Date(endedAt + pauseMs(retriesStatus.length))
}

/** How long to pause after attempt number `attempts`, counted from 1. */
export function pauseMs(attempts: number): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(attempts - 1, 10))
}
