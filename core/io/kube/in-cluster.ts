import { isIPv6 } from 'node:net'
import { StartError } from '../start-error.ts'
import type { KubeCredentials } from './connection.ts'

/**
 * The pod's own ServiceAccount; its token and the certificate authority are files that the kubelet renews.
 *
 * @param setting where a kubeconfig would be named, for the error
 * @throws StartError outside a cluster
 */
export function inClusterCredentials(
  env: Readonly<Record<string, string | undefined>>,
  mount = '/var/run/secrets/kubernetes.io/serviceaccount',
  setting = 'KUBECONFIG',
): KubeCredentials {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env
  if (!host || !port) {
    throw new StartError(
      `Not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; name a kubeconfig in ${setting}`,
    )
  }
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    ca: { file: `${mount}/ca.crt` },
    token: { file: `${mount}/token` },
  }
}
