import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import type { Clock } from '../../core/clock.ts'
import { backoffMs } from '../../core/io/backoff.ts'
import { type KubeObject, resources } from '../../core/io/kube/api.ts'
import type { Delay, Random } from '../../core/io/system.ts'
import { bundleOf, type Held, readHeld, type SecretData, writeHeld } from './held.ts'
import { createPublish, NowhereToPublish, type PublishOptions } from './publish.ts'
import { rotate, type Servers } from './rotate.ts'

export interface KeeperOptions extends PublishOptions {
  readonly secret: { readonly namespace: string; readonly name: string }
  readonly servers: Servers
  readonly log: Logger
  readonly clock: Clock
  readonly delay: Delay
  readonly random: Random
}

/** Keeps serving certificates good, in the Secret that the servers mount. One process at a time: whoever leads. */
export interface Keeper {
  /** Looks once a minute until the signal is aborted; what fails is logged and tried again. Never throws. */
  run(signal: AbortSignal): Promise<void>
  /** Resolves when everything was good for the first time. @throws the signal's reason */
  ready(signal: AbortSignal): Promise<void>
}

const lookMs = 60_000
const backoff = { baseMs: 500, maxMs: 30_000 } as const

/** Makes a keeper. What somebody deletes from the Secret is made anew within a minute: that is rotation by hand. */
export function createKeeper(options: KeeperOptions): Keeper {
  const { client, secret, servers, log, clock, delay, random } = options
  const onMissing = (place: string) => log.warn({ place }, 'authorities not published: the place is not there')
  const publish = createPublish({ onMissing, ...options })
  const first = Promise.withResolvers<void>()

  async function pass(signal: AbortSignal): Promise<void> {
    const object = await client.get<KubeObject & { data?: SecretData }>(resources.secrets, secret, signal)
    if (object === undefined)
      throw new NowhereToPublish(`Secret ${secret.name} is missing: install the chart again (helm upgrade)`)
    const present = object.data ?? {}
    const before = readHeld(present, Object.keys(servers))
    const held = rotate(before, servers, clock())
    // Trust first: whoever verifies must know an authority before a server shows what it signed.
    await publish(bundleOf(held), signal)
    await write(object, present, writeHeld(held), signal)
    logChanges(before, held)
  }

  /** Names the version that it follows, so that two keepers can never mix keys of two authorities. */
  async function write(
    object: KubeObject,
    present: SecretData,
    wanted: SecretData,
    signal: AbortSignal,
  ): Promise<void> {
    if (isDeepStrictEqual({ ...present }, { ...wanted })) return
    const gone = Object.fromEntries(Object.keys(present).map((key) => [key, null]))
    const { resourceVersion } = object.metadata
    const body = { metadata: { resourceVersion }, data: { ...gone, ...wanted } }
    await client.patch(resources.secrets, secret, body, { type: 'merge' }, signal)
  }

  function logChanges(before: Held, held: Held & { readonly current: NonNullable<Held['current']> }): void {
    if (held.current !== before.current)
      log.info({ not_after: held.current.certificate.validToDate }, 'certificate authority signs')
    if (held.next !== undefined && held.next !== before.next)
      log.info({ not_after: held.next.certificate.validToDate }, 'next certificate authority published')
    for (const [server, pair] of Object.entries(held.serving)) {
      if (pair === undefined || pair === before.serving[server]) continue
      log.info({ server, not_after: pair.certificate.validToDate }, 'serving certificate issued')
    }
  }

  return Object.freeze({
    async run(signal: AbortSignal): Promise<void> {
      for (let failed = 0; !signal.aborted; ) {
        try {
          await pass(signal)
          first.resolve()
          failed = 0
        } catch (err) {
          if (signal.aborted) return
          failed += 1
          log.warn({ err }, 'certificates not kept; trying again')
        }
        const waitMs = failed === 0 ? lookMs * (1 + random() / 10) : backoffMs(failed - 1, backoff, random)
        await delay(waitMs, signal).catch(() => undefined)
      }
    },
    async ready(signal: AbortSignal): Promise<void> {
      signal.throwIfAborted()
      const aborted = Promise.withResolvers<never>()
      const onAbort = (): void => aborted.reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      await Promise.race([first.promise, aborted.promise]).finally(() => signal.removeEventListener('abort', onAbort))
    },
  })
}
