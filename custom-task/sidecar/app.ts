import type { Logger } from 'pino'
import type { Clock } from '../../core/clock.ts'
import type { Delay, Random } from '../../core/io/system.ts'
import type { BrokerClient } from '../broker-client.ts'
import type { NotGranted } from '../broker-client-answer.ts'
import type { SidecarConfig } from './config-schema.ts'
import { createDelivery, type Delivery, type DeliveryReport } from './delivery.ts'
import { createHealth } from './health.ts'
import { openListeners } from './listeners.ts'
import { createLocalApi } from './local-api.ts'
import type { LocalStep } from './local-client.ts'
import { keepFresh } from './renewal.ts'
import { createStepAccess, localName, presentationOf, targetOf } from './step-access.ts'
import { makeStepDirectory } from './step-directory.ts'
import { createTokenCache } from './token-cache.ts'
import { openTokenDirectory, socketFile, type TokenDirectory } from './token-directory.ts'
import { type TokenTarget, targetKey } from './token-target.ts'

export interface SidecarDeps {
  readonly broker: Pick<BrokerClient, 'exchange'>
  readonly clock: Clock
  readonly delay: Delay
  readonly random: Random
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
}

/** A sidecar that answers. */
export interface RunningSidecar {
  /** Of the local token endpoint. */
  readonly url: string
  readonly healthUrl: string
  /** How every token of every step stands. */
  reports(): readonly DeliveryReport[]
  /** Ends at once, as the pod waits for it: breaks what is under way and removes keys and tokens. */
  stop(): Promise<void>
}

/** One step with its directory, its key made and written. */
interface OpenStep {
  readonly directory: TokenDirectory
  readonly local: LocalStep
  readonly deliveries: readonly { readonly target: TokenTarget; readonly delivery: Delivery }[]
}

/** One token, and the places where it goes: steps that ask for the same share it. */
interface Supply {
  readonly target: TokenTarget
  readonly deliveries: Delivery[]
}

/**
 * Takes possession of the directories, listens, and only then asks for tokens, so that callers find somebody who says
 * "not yet".
 *
 * @throws TokenDirectoryError, ListenError
 */
export async function startSidecar(config: SidecarConfig, deps: SidecarDeps): Promise<RunningSidecar> {
  const { clock, delay, random, log } = deps
  const lifetime = new AbortController()
  const steps: OpenStep[] = []
  for (const step of config.steps) {
    if (config.volume !== undefined) await makeStepDirectory(config.volume, step.directory)
    steps.push(await openStep(step, deps))
  }
  const supplies = groupByToken(steps)
  const deliveries = steps.flatMap((step) => step.deliveries.map((one) => one.delivery))
  const cache = createTokenCache({
    exchange: ({ policy, audience, scope }, signal) => deps.broker.exchange({ policy, audience, scope }, signal),
    onGranted: (key, token) => each(supplies.get(key), (delivery) => delivery.granted(token)),
    clock,
    random,
    lifetime: lifetime.signal,
  })
  const api = { cache, steps: steps.map((step) => step.local), clock, delay, lifetime: lifetime.signal }
  const clear = () => Promise.all(steps.map((step) => step.directory.clear()))
  const socketPaths = steps.map((step) => `${step.directory.path}/${socketFile}`)
  const reports = () => deliveries.map((delivery) => delivery.report())
  const health = createHealth(reports)
  const listeners = await openListeners((hosts) => createLocalApi(api, hosts), health, {
    ...config,
    socketPaths,
  }).catch(async (error: unknown) => {
    await clear()
    throw error
  })
  for (const supply of supplies.values()) {
    const onFailure = (result: NotGranted): void => each(supply, (delivery) => delivery.failed(result))
    keepFresh(supply.target, { cache, onFailure, clock, delay, random }, lifetime.signal).catch((err: unknown) => {
      if (!lifetime.signal.aborted) log.error({ err, policy: supply.target.policy }, 'renewal ended')
    })
  }
  const { url, healthUrl } = listeners
  log.info({ url, health_url: healthUrl, steps: steps.length, tokens: supplies.size }, 'sidecar started')
  return Object.freeze({
    url,
    healthUrl,
    reports,
    async stop(): Promise<void> {
      lifetime.abort(new DOMException('The sidecar stops', 'AbortError'))
      await Promise.all([listeners.close(), ...deliveries.map((delivery) => delivery.stop())])
      await clear()
    },
  })
}

async function openStep(step: SidecarConfig['steps'][number], { clock, log }: SidecarDeps): Promise<OpenStep> {
  const directory = await openTokenDirectory(step.directory, step.policies.map(localName))
  const { key, local } = createStepAccess(step)
  await directory.writeKey(key)
  const deliveries = step.policies.map((one) => {
    const names = { policy: one.policy, name: localName(one), isOptional: one.optional }
    const presentation = presentationOf(one, step)
    return { target: targetOf(one), delivery: createDelivery({ directory, ...names, presentation, clock, log }) }
  })
  return { directory, local, deliveries }
}

function groupByToken(steps: readonly OpenStep[]): ReadonlyMap<string, Supply> {
  const supplies = new Map<string, Supply>()
  for (const { target, delivery } of steps.flatMap((step) => step.deliveries)) {
    const key = targetKey(target)
    const supply = supplies.get(key) ?? { target, deliveries: [] }
    supply.deliveries.push(delivery)
    supplies.set(key, supply)
  }
  return supplies
}

/** Deliveries report their own failures, so nobody waits for them. */
function each(supply: Supply | undefined, tell: (delivery: Delivery) => Promise<void>): void {
  for (const delivery of supply?.deliveries ?? []) void tell(delivery)
}
