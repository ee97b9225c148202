import { z } from 'zod'
import type { KubeClient } from '../../core/io/kube/api.ts'
import { StartError } from '../../core/io/start-error.ts'
import type { Delay } from '../../core/io/system.ts'

/** One issuer of ServiceAccount tokens, as a cluster may name it. */
export const clusterIssuer = z.string().min(1).max(512)

const discovery = z.object({ issuer: clusterIssuer })
const tries = 10
const waitMs = 2000
const timeoutMs = 5000

interface Deps {
  readonly kube: Pick<KubeClient, 'getJson'>
  /** Key of the configuration that says it in place of the API server. */
  readonly setting: string
  readonly delay: Delay
}

/**
 * The issuer that an API server publishes for its ServiceAccount tokens. It is asked over the connection that the key
 * set comes over, so it is trusted as much; a cluster whose API server is not there yet is waited for, 20 s at most.
 *
 * @throws StartError when no issuer comes
 * @see https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
 */
export async function publishedIssuer({ kube, setting, delay }: Deps, signal: AbortSignal): Promise<string> {
  for (let left = tries; ; left -= 1) {
    try {
      const timeout = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      return discovery.parse(await kube.getJson('/.well-known/openid-configuration', timeout)).issuer
    } catch (cause) {
      signal.throwIfAborted()
      if (left === 1) throw new StartError(`${setting} is not set, and the API server does not publish it`, { cause })
    }
    await delay(waitMs, signal)
  }
}
