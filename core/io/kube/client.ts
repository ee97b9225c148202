import type { Clock } from '../../clock.ts'
import { type Delay, type Random, systemClock, systemDelay, systemRandom } from '../system.ts'
import type { KubeClient } from './api.ts'
import { createConnection, type KubeCredentials } from './connection.ts'
import { createReading } from './reading.ts'
import { createRetry } from './retry.ts'
import { createReviews } from './reviews.ts'
import { createTransport } from './transport.ts'
import { createWriting } from './writing.ts'

export interface KubeClientOptions {
  readonly credentials: KubeCredentials
  /** Told when a certificate or token file cannot be read and the last good one stays in use. */
  readonly onError?: (error: unknown) => void
  readonly clock?: Clock
  readonly delay?: Delay
  readonly random?: Random
}

const jsonLimits = { maxBytes: 256 * 1024, timeoutMs: 10_000 } as const

/**
 * A client for one API server, on shared sockets. Limits: 10 s for one try of a call (3 s for a review, 30 s for a page
 * of a list), 8 MiB for an object, at most 4 tries.
 *
 * @returns methods that throw KubeError for a refusal, KubeUnreachable when there is no answer that can be read,
 * TypeError for a name that is none, and the signal's reason when it is aborted
 * @throws TypeError for an address that is not usable
 */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  const { credentials, clock = systemClock, delay = systemDelay, random = systemRandom } = options
  const connection = createConnection(credentials, clock, options.onError ?? (() => undefined))
  const retry = createRetry({ delay, random, renew: () => connection.renewToken() })
  const transport = createTransport(connection, retry, clock)
  return Object.freeze({
    ...createReading(transport),
    ...createWriting(transport),
    ...createReviews(transport),
    async getJson(path: string, signal: AbortSignal): Promise<unknown> {
      if (!/^(?:\/\.?[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/.test(path)) throw new TypeError('getJson takes an absolute path')
      return await transport.call({ method: 'GET', path, isRead: true, ...jsonLimits }, signal)
    },
    close: () => connection.close(),
  })
}
