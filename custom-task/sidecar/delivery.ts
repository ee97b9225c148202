import type { Logger } from 'pino'
import type { Clock } from '../../core/clock.ts'
import { rfc3339 } from '../../core/clock.ts'
import type { NotGranted } from '../broker-client-answer.ts'
import type { CachedToken } from './token-cache.ts'
import type { TokenDirectory } from './token-directory.ts'
import { errorFiles, type FileSet, type Presentation, tokenFiles } from './token-files.ts'

/** How one policy of one step stands. */
export type DeliveryStatus = 'waiting' | 'pending' | 'unavailable' | 'refused' | 'ready'

export interface DeliveryReport {
  readonly policy: string
  readonly name: string
  readonly status: DeliveryStatus
  readonly isOptional: boolean
  /** The sentence with the mend, while there is no token. */
  readonly message: string | undefined
  readonly exchangeId: string | undefined
}

/** Brings the tokens of one policy into the directory of one step. */
export interface Delivery {
  granted(token: CachedToken): Promise<void>
  failed(result: NotGranted): Promise<void>
  report(): DeliveryReport
  /** Resolves when nothing is being written and nothing will be. */
  stop(): Promise<void>
}

export interface DeliveryDeps {
  readonly directory: TokenDirectory
  readonly policy: string
  /** Name of the directory: the alias where one is given. */
  readonly name: string
  readonly isOptional: boolean
  /** Forms for tools, beside our own files. */
  readonly presentation?: Presentation | undefined
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
}

/** The broker gave it, and the tool could not use it: a refusal like one of the broker's. */
const unfit = { kind: 'refused', error: 'invalid_request', status: 400 } as const

export function createDelivery(deps: DeliveryDeps): Delivery {
  const { directory, policy, name, isOptional, presentation, clock, log } = deps
  const place = { policy, directory: `${directory.path}/${name}` }
  let state: Pick<DeliveryReport, 'status' | 'message' | 'exchangeId'> = {
    status: 'waiting',
    message: undefined,
    exchangeId: undefined,
  }
  let endsAtMs = 0
  let last = Promise.resolve()
  let isStopped = false

  /** One write after the other: a slow one must not overtake a newer one. */
  function publish(files: FileSet): Promise<void> {
    if (!isStopped) last = last.catch(() => undefined).then(() => directory.publish(name, files))
    return last
  }

  async function failed(result: NotGranted, heldUntilMs: number): Promise<void> {
    const { kind, description: message, exchangeId } = result
    const isHeld = clock().getTime() < heldUntilMs
    const facts = { ...place, outcome: kind, reason: message, exchange_id: exchangeId, has_valid_token: isHeld }
    const cause = result.kind === 'unavailable' && result.cause !== undefined ? { err: result.cause } : {}
    log.warn({ ...facts, ...cause }, 'token not obtained')
    if (isHeld) return
    const isNews = state.status !== kind || state.message !== message
    state = { status: kind, message, exchangeId }
    if (!isNews) return
    const sentence = exchangeId === undefined ? message : `${message} (exchange ${exchangeId})`
    await publish(errorFiles(sentence)).catch((err: unknown) => log.error({ err, ...place }, 'error file not written'))
  }

  return Object.freeze({
    async granted(token: CachedToken): Promise<void> {
      const { exchangeId } = token
      const made = tokenFiles(token, presentation)
      if (made.kind === 'unfit') {
        await failed({ ...unfit, description: made.sentence, exchangeId }, 0)
        return
      }
      try {
        await publish(made.files)
      } catch (err) {
        state = { status: 'unavailable', message: 'The token directory cannot be written', exchangeId }
        log.error({ err, ...place }, 'token files not written')
        return
      }
      endsAtMs = token.expiresAt.getTime()
      state = { status: 'ready', message: undefined, exchangeId }
      log.info({ ...place, exchange_id: exchangeId, expires_at: rfc3339(token.expiresAt) }, 'token delivered')
    },

    failed: (result: NotGranted) => failed(result, endsAtMs),

    async stop(): Promise<void> {
      isStopped = true
      await last.catch(() => undefined)
    },

    report: () => ({ policy, name, isOptional, ...state }),
  })
}
