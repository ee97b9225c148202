import type { Logger } from 'pino'
import type { LeaderElection } from '../../core/io/kube/leader-election.ts'
import type { Term } from '../../core/io/kube/leader-term.ts'
import type { Shutdown } from '../../core/io/shutdown.ts'

export interface LeadDeps {
  /** Without one this process leads from the beginning to its end. */
  readonly election: LeaderElection | undefined
  readonly log: Logger
  readonly shutdown: Shutdown
}

/** The part of this process's life in which it works. */
export interface Lead {
  /** Resolves when this process leads. A term that ends by itself ends the process. @throws the shutdown's reason */
  begin(): Promise<void>
  /** Whether this process may write. */
  isHeld(): boolean
  /** Whether it is ready to lead when its turn comes. */
  isStandingBy(): boolean
  release(deadline: AbortSignal): Promise<void>
}

/**
 * A process leads once. One that lost its turn ends and is started anew by its kubelet: nothing of what it knew can
 * find its way into another term.
 */
export function createLead({ election, log, shutdown }: LeadDeps): Lead {
  let term: Term | undefined
  return Object.freeze({
    async begin(): Promise<void> {
      if (election === undefined) return
      term = await election.acquire(shutdown.signal)
      term.signal.addEventListener('abort', () => void shutdown.begin('leadership lost'), { once: true })
      log.debug({ epoch: term.epoch }, 'term begun')
    },
    isHeld: () => election === undefined || term?.isHeld() === true,
    isStandingBy: () => term === undefined && election?.isInTouch() === true,
    async release(deadline: AbortSignal): Promise<void> {
      await term?.release(deadline)
    },
  })
}
