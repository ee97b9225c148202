import { isIPv6 } from 'node:net'
import type { KubeCredentials } from './connection.ts'

export interface CredentialOptions {
  /** Path of a kubeconfig; without it the ServiceAccount of the pod is used. */
  readonly kubeconfig?: string
  /** Default: the current context of the kubeconfig. */
  readonly context?: string
  /** Environment of the process, for the variables that Kubernetes sets in every pod. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Where the kubelet mounts the ServiceAccount. */
  readonly mount?: string
}

/**
 * Finds out which API server to speak to, and as whom. Reading a kubeconfig loads the Kubernetes library, which takes
 * half a second and 50 MB; in a cluster it is not loaded.
 *
 * @throws Error that says what to set
 */
export async function loadCredentials(options: CredentialOptions): Promise<KubeCredentials> {
  if (options.kubeconfig === undefined) return inClusterCredentials(options.env ?? {}, options.mount)
  const { readKubeconfig } = await import('./kubeconfig.ts')
  return await readKubeconfig(options.kubeconfig, options.context)
}

/** The pod's own ServiceAccount; its token and the certificate authority are files that the kubelet renews. */
export function inClusterCredentials(
  env: Readonly<Record<string, string | undefined>>,
  mount = '/var/run/secrets/kubernetes.io/serviceaccount',
): KubeCredentials {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env
  if (!host || !port) {
    throw new Error(
      'Not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; name a kubeconfig, such as KUBECONFIG=~/.kube/config',
    )
  }
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    ca: { file: `${mount}/ca.crt` },
    token: { file: `${mount}/token` },
  }
}
