import { once } from 'node:events'
import { connect } from 'node:tls'
import { facts, kube } from '../harness/cluster.ts'
import type { KubeObject } from '../harness/kube.ts'
import { waitFor } from '../harness/wait.ts'
import { release, system } from './names.ts'

/** Times in a row, each on a connection of its own: a Service of two pods sends them to either. */
const handshakes = 4

/**
 * Waits until the Services of the product lead to it from where tests and the API server ask.
 *
 * A pod that is ready, which is what `helm --wait` and conditions tell, is not yet in the rules of the node: they follow
 * a moment later, and until then a connection is refused. Of a cluster that is not of this machine nothing is asked, as
 * its Services are out of reach.
 */
export async function untilReachable(): Promise<void> {
  if (facts().pki === null) return
  const services = await (await kube()).list(`/api/v1/namespaces/${system}/services`, {
    labelSelector: `app.kubernetes.io/instance=${release}`,
  })
  await Promise.all(
    services.filter(isServedByTls).map(async ({ metadata: { name: service } }) => {
      let inARow = 0
      await waitFor(
        `Service ${service} leads to its pods`,
        async () => {
          inARow = (await shakesHands(`${service}.${system}.svc`)) ? inARow + 1 : 0
          return inARow === handshakes
        },
        { intervalMs: 20 },
      )
    }),
  )
}

function isServedByTls({ spec }: KubeObject): boolean {
  return spec.ports.some(({ port }: { readonly port: number }) => port === 443)
}

async function shakesHands(host: string): Promise<boolean> {
  const socket = connect({ host, port: 443, servername: host, rejectUnauthorized: false })
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(2000) })
    return true
  } catch {
    return false
  } finally {
    // what a destroyed handshake still says is nobody's business
    socket.on('error', () => undefined).destroy()
  }
}
