import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createToken, facts, kube } from './cluster.ts'
import { readKubeconfig } from './kubeconfig.ts'

/** How a process beside the cluster logs in as a service account. */
export interface AccountLogin {
  readonly token: string
  /** The token as a file, as a pod finds it. */
  readonly tokenFile: string
  /** The authority of the API server as a file, as a pod finds it. */
  readonly authorityFile: string
  /** The same login as a kubeconfig. */
  readonly kubeconfig: string
}

/**
 * Makes the login of a service account, which is created if there is none. A process that is started with it has
 * exactly the permissions that it would have in a pod.
 */
export async function loginAs(namespace: string, account: string, seconds = 86_400): Promise<AccountLogin> {
  await (await kube()).apply([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: account, namespace } }])
  const { server, authority = '' } = await readKubeconfig(facts().kubeconfig)
  const token = await createToken(namespace, account, undefined, seconds)
  const directory = await mkdtemp(join(tmpdir(), `login-${account}-`))
  const tokenFile = join(directory, 'token')
  const authorityFile = join(directory, 'ca.crt')
  const kubeconfig = join(directory, 'kubeconfig')
  await writeFile(tokenFile, token, { mode: 0o600 })
  await writeFile(authorityFile, authority)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: account, namespace } }],
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': authorityFile } }],
    users: [{ name: account, user: { tokenFile } }],
  }
  await writeFile(kubeconfig, JSON.stringify(config), { mode: 0o600 })
  return { token, tokenFile, authorityFile, kubeconfig }
}
