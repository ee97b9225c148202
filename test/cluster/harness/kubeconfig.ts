import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'

/** What it takes to speak to an API server as one user. */
export interface Login {
  readonly server: string
  readonly authority: string | undefined
  readonly certificate: string | undefined
  readonly key: string | undefined
  readonly token: string | undefined
}

interface Entry {
  readonly name: string
  readonly context?: { readonly cluster: string; readonly user: string }
  readonly cluster?: Readonly<Record<string, string>> & { readonly server?: string }
  readonly user?: Readonly<Record<string, string>> & { readonly token?: string; readonly tokenFile?: string }
}

interface Kubeconfig {
  readonly 'current-context': string
  readonly contexts: readonly Entry[]
  readonly clusters: readonly Entry[]
  readonly users: readonly Entry[]
}

/** Reads the current context: certificate or token, inline or in files. Login plugins are not supported. */
export async function readKubeconfig(file: string): Promise<Login> {
  const config = parse(await readFile(file, 'utf8')) as Kubeconfig
  const named = (entries: readonly Entry[], name: string | undefined): Entry | undefined =>
    entries.find((entry) => entry.name === name)
  const context = named(config.contexts, config['current-context'])?.context
  const cluster = named(config.clusters, context?.cluster)?.cluster
  const user = named(config.users, context?.user)?.user
  const server = cluster?.server
  if (!cluster || !server) throw new Error(`${file} has no cluster in its current context`)
  const directory = dirname(file)
  return {
    server,
    authority: await content(directory, cluster, 'certificate-authority'),
    certificate: await content(directory, user, 'client-certificate'),
    key: await content(directory, user, 'client-key'),
    token:
      user?.token ??
      (user?.tokenFile ? (await readFile(resolve(directory, user.tokenFile), 'utf8')).trim() : undefined),
  }
}

async function content(
  directory: string,
  from: Readonly<Record<string, string>> | undefined,
  name: string,
): Promise<string | undefined> {
  const inline = from?.[`${name}-data`]
  if (inline) return Buffer.from(inline, 'base64').toString()
  const file = from?.[name]
  return file ? await readFile(resolve(directory, file), 'utf8') : undefined
}
