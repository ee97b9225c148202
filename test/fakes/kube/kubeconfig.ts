export interface KubeconfigInput {
  readonly serverUrl: string
  readonly user: string
  readonly token: string
  readonly namespace?: string
  /** PEM of the CA, for a server with TLS. */
  readonly ca?: string | undefined
}

/** A kubeconfig as JSON text, which every reader of the YAML form takes. */
export function kubeconfigText({ serverUrl, user, token, namespace = 'default', ca }: KubeconfigInput): string {
  const authority = ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'fake', cluster: { server: serverUrl, ...authority } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: 'fake', context: { cluster: 'fake', user, namespace } }],
    'current-context': 'fake',
  }
  return JSON.stringify(config, null, 2)
}
