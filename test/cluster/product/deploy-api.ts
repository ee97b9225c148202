import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { createServer } from 'node:tls'
import { type ProtectedApi, startProtectedApi } from '../../fakes/protected-api.ts'
import { hostAddress, kube } from '../harness/cluster.ts'
import { exposeHostProcess, issueCertificate } from '../harness/host-service.ts'
import { issuerUrl, system, target } from './names.ts'

/** `https://deploy.example.com`: `POST /rollouts` takes tokens of the broker with scope `deploy:staging`, `POST /releases` those with `deploy:production`. */
export interface DeployApi {
  /** Claims of the tokens that were let in. */
  readonly accepted: ProtectedApi['accepted']
  /** Makes pods of a run find the API under its name, and their curl trust it. */
  readonly podTemplate: object
  close(): Promise<void>
}

const port = 18_446

/**
 * Serves the API from this process.
 *
 * @param authority PEM of who signed the certificate of the broker's issuer
 */
export async function startDeployApi(authority: string): Promise<DeployApi> {
  const { hostname } = new URL(target)
  const api = await startProtectedApi({
    issuer: issuerUrl,
    audience: target,
    scopes: { 'POST /rollouts': 'deploy:staging', 'POST /releases': 'deploy:production' },
    ca: authority,
  })
  const { certificate, key } = await issueCertificate([hostname])
  const tls = { cert: await readFile(certificate), key: await readFile(key) }
  const front = createServer(tls, (socket) => {
    const back = connect(Number(new URL(api.url).port), '127.0.0.1')
    socket.pipe(back).pipe(socket)
    for (const [one, other] of [
      [socket, back],
      [back, socket],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve, reject) => {
    front.once('error', reject)
    front.listen(port, hostAddress(), resolve)
  })
  await exposeHostProcess({ namespace: system, name: 'deploy', port: 443, targetPort: port })
  const service = await (await kube()).get(`/api/v1/namespaces/${system}/services/deploy`)
  return {
    accepted: api.accepted,
    podTemplate: {
      hostAliases: [{ ip: service.spec.clusterIP, hostnames: [hostname] }],
      // on the rig the cluster's authority signs the API's certificate too, and every step has that one
      env: [{ name: 'CURL_CA_BUNDLE', value: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt' }],
    },
    async close() {
      front.close()
      await api.close()
    },
  }
}
