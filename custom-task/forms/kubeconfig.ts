import type { Form } from '../form.ts'
import { serverOf } from './host.ts'

const ownCluster = /^kubernetes(?:\.default(?:\.svc(?:\.[a-z0-9.-]+)?)?)?$/
const clusterCa = '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt'

/**
 * A kubeconfig whose user reads the token file, which clients read again while they run. The pod's own cluster is trusted
 * by the authorities that every pod has of it, every other server by those of the image.
 */
export const kubeconfig = {
  file: {
    name: 'kubeconfig',
    render: ({ audience, place }) => {
      const server = apiServerOf(audience)
      if (server === undefined) return undefined
      const { name } = place
      const ca = ownCluster.test(server.hostname) ? { 'certificate-authority': clusterCa } : {}
      // JSON is YAML, and quotes every value.
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name, cluster: { server: server.href.replace(/\/$/, ''), ...ca } }],
        users: [{ name, user: { tokenFile: `${place.directory}/token` } }],
        contexts: [{ name, context: { cluster: name, user: name } }],
        'current-context': name,
      }
      return `${JSON.stringify(config, undefined, 2)}\n`
    },
  },
  judge: ({ audience }) =>
    apiServerOf(audience) === undefined
      ? "form kubeconfig needs to know the API server, and the audience is no https URL: name the server as the policy's audience"
      : undefined,
  env: ({ directory }) => ({ KUBECONFIG: `${directory}/kubeconfig` }),
} as const satisfies Form

function apiServerOf(audience: string): URL | undefined {
  const server = serverOf(audience)
  return server?.protocol === 'https:' && server.search + server.hash === '' ? server : undefined
}
