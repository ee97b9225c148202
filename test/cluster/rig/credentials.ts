import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAuthority, createTokenKey, signCertificate } from './certificates.ts'
import { apiServiceAddress, apiUrl, hostAddress, nodeName } from './places.ts'

/** Kubernetes components that log in with a certificate, and as whom. */
const clients = {
  admin: '/O=system:masters/CN=admin',
  'kube-controller-manager': '/CN=system:kube-controller-manager',
  'kube-scheduler': '/CN=system:kube-scheduler',
  'kube-proxy': '/CN=system:kube-proxy',
  kubelet: `/O=system:nodes/CN=system:node:${nodeName}`,
} as const

/** Makes every key, certificate and kubeconfig of a cluster in `directory`. */
export async function createCredentials(directory: string): Promise<void> {
  const pki = join(directory, 'pki')
  await createAuthority(pki)
  const apiNames = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map(
    (name) => `DNS:${name}`,
  )
  const apiAddresses = ['127.0.0.1', hostAddress, apiServiceAddress].map((address) => `IP:${address}`)
  await Promise.all([
    createTokenKey(join(pki, 'service-accounts.key')),
    signCertificate(pki, pki, {
      name: 'kube-apiserver',
      subject: '/CN=kube-apiserver',
      names: [...apiNames, ...apiAddresses],
    }),
    signCertificate(pki, pki, { name: 'front-proxy', subject: '/CN=front-proxy', names: ['DNS:front-proxy'] }),
    ...Object.entries(clients).map(async ([name, subject]) => {
      // the kubelet serves with its certificate as well, under the node's address
      const names = name === 'kubelet' ? [`IP:${hostAddress}`, `DNS:${nodeName}`] : [`DNS:${name}`]
      const files = await signCertificate(pki, pki, { name, subject, names })
      await writeKubeconfig(directory, name, {
        'client-certificate-data': (await readFile(files.certificate)).toString('base64'),
        'client-key-data': (await readFile(files.key)).toString('base64'),
      })
    }),
  ])
}

/** A kubeconfig with everything inside it, so that it works wherever it is copied to. */
export async function writeKubeconfig(directory: string, name: string, user: Record<string, string>): Promise<void> {
  const authority = (await readFile(join(directory, 'pki', 'ca.crt'))).toString('base64')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'cluster',
    contexts: [{ name: 'cluster', context: { cluster: 'cluster', user: name } }],
    clusters: [{ name: 'cluster', cluster: { server: apiUrl, 'certificate-authority-data': authority } }],
    users: [{ name, user }],
  }
  await writeFile(kubeconfigOf(directory, name), JSON.stringify(config, undefined, 2), { mode: 0o600 })
}

export function kubeconfigOf(directory: string, name: string): string {
  return join(directory, `${name}.kubeconfig`)
}
