import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FakeKube } from '../../fakes/kube/server.ts'

interface Kubeconfig {
  readonly users: readonly [{ readonly user: { readonly token: string } }]
  readonly clusters: readonly [{ readonly cluster: { readonly 'certificate-authority-data': string } }]
}

/** Writes `serviceaccount/token` and `serviceaccount/ca.crt`, as a kubelet mounts them. */
export function writePodLogin(kubeconfig: ReturnType<FakeKube['kubeconfig']>, directory: string): void {
  const { users, clusters } = JSON.parse(kubeconfig) as Kubeconfig
  mkdirSync(join(directory, 'serviceaccount'))
  writeFileSync(join(directory, 'serviceaccount/token'), users[0].user.token, { mode: 0o600 })
  const authority = Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64')
  writeFileSync(join(directory, 'serviceaccount/ca.crt'), authority)
}
