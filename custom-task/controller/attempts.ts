import type { Clock } from '../../core/clock.ts'
import { type Backoff, backoffMs } from '../../core/io/backoff.ts'
import type { Random } from '../../core/io/system.ts'
import { isCustomRunDone } from '../../core/tekton/custom-run.ts'
import type { Answer } from './broker.ts'
import type { Attempt } from './observed.ts'
import type { OurRun } from './our-run.ts'
import type { MadeSecret } from './secrets/held-secret.ts'

/** What this process remembers of the attempts under way, by UID of the CustomRun. */
export interface Attempts {
  /** The current attempt; begun now if it was not known. */
  current(run: OurRun): Attempt
  /** The broker has answered; says when it may be asked again. */
  answered(run: OurRun, answers: readonly Answer[]): void
  /** What is waited for may be there: the broker may be asked at once. */
  wake(uid: string): void
  /** The Secrets were made under the current attempt. */
  delivered(run: OurRun, secrets: readonly MadeSecret[]): void
  forget(uid: string): void
}

interface Remembered extends Attempt {
  readonly number: number
  /** Times in a row that the broker gave no decision. */
  readonly failures: number
}

/** More attempts than this at once are not remembered: they ask the broker again, which is harmless. */
const maxRemembered = 50_000
const backoff: Backoff = { baseMs: 1000, maxMs: 30_000 }

export function createAttempts({ clock, random }: { readonly clock: Clock; readonly random: Random }): Attempts {
  const remembered = new Map<string, Remembered>()

  function current({ customRun }: OurRun): Remembered {
    const { uid } = customRun.metadata
    const number = customRun.status.retriesStatus.length
    const known = remembered.get(uid)
    if (known?.number === number) return known
    const nothing = { answers: undefined, nextAskAt: undefined, delivered: undefined }
    const fresh = { number, firstSeenAt: clock(), ...nothing, failures: 0 }
    if (isCustomRunDone(customRun)) return fresh
    remembered.set(uid, fresh)
    const [oldest] = remembered.keys()
    if (remembered.size > maxRemembered && oldest !== undefined) remembered.delete(oldest)
    return fresh
  }

  return Object.freeze({
    current,
    answered(run: OurRun, answers: readonly Answer[]): void {
      const before = current(run)
      const isOpen = answers.some((answer) => answer.kind === 'unavailable')
      const failures = isOpen ? before.failures + 1 : 0
      const waits = answers.map((answer) => waitMs(answer, backoffMs(before.failures, backoff, random)))
      const nextAskAt = new Date(clock().getTime() + Math.max(...waits))
      remembered.set(run.customRun.metadata.uid, { ...before, answers, nextAskAt, failures })
    },
    wake(uid: string): void {
      const known = remembered.get(uid)
      if (known?.answers?.some((answer) => answer.kind === 'pending')) {
        remembered.set(uid, { ...known, nextAskAt: undefined })
      }
    },
    delivered(run: OurRun, delivered: readonly MadeSecret[]): void {
      remembered.set(run.customRun.metadata.uid, { ...current(run), delivered })
    },
    forget: (uid: string) => void remembered.delete(uid),
  })
}

function waitMs(answer: Answer, pauseMs: number): number {
  if (answer.kind === 'pending') return answer.intervalSeconds * 1000
  return answer.kind === 'unavailable' ? Math.max(pauseMs, (answer.retryAfterSeconds ?? 0) * 1000) : 0
}
