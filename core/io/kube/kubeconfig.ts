import type { RequestOptions } from 'node:https'
import { type Cluster, KubeConfig, type User } from '@kubernetes/client-node'
import { Secret } from '../../secret.ts'
import type { PemSource } from '../tls-material.ts'
import type { TokenSource } from './bearer.ts'
import type { KubeCredentials } from './connection.ts'

/**
 * Reads one context of a kubeconfig: certificate, token or login plugin (exec, OIDC, clouds).
 *
 * @throws Error that says what is missing or refused, and never repeats the file
 */
export async function readKubeconfig(file: string, context: string | undefined): Promise<KubeCredentials> {
  const config = load(file)
  if (context !== undefined) config.setCurrentContext(context)
  const cluster = config.getCurrentCluster()
  const user = config.getCurrentUser()
  if (!cluster || !user) {
    throw new Error(`Kubeconfig ${file} has no context "${config.getCurrentContext()}" with a cluster and a user`)
  }
  refuseUnsafe(cluster, user, file)
  const ca = pemSource(cluster.caFile, cluster.caData)
  return {
    server: cluster.server,
    ...(ca ? { ca } : {}),
    ...(cluster.tlsServerName ? { serverName: cluster.tlsServerName } : {}),
    ...(await identity(file, config, user)),
  }
}

/** The parser's own message quotes the lines around a mistake, which may be a key: it is dropped. */
function load(file: string): KubeConfig {
  const config = new KubeConfig()
  try {
    config.loadFromFile(file)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    throw new Error(`Kubeconfig ${file} cannot be read${code}: it must be a kubeconfig in YAML`)
  }
  return config
}

function refuseUnsafe(cluster: Cluster, user: User, file: string): void {
  const refused = [
    [cluster.skipTLSVerify, 'insecure-skip-tls-verify: give the certificate-authority instead'],
    [cluster.proxyUrl, 'proxy-url: not supported'],
    [user.username ?? user.password, 'username and password: not supported, use a token or certificate'],
    [user.impersonateUser, 'as: impersonation is not supported'],
  ] as const
  const mends = refused.filter(([found]) => Boolean(found)).map(([, mend]) => mend)
  if (mends.length > 0) throw new Error(`Kubeconfig ${file}: ${mends.join('; ')}`)
}

async function identity(
  file: string,
  config: KubeConfig,
  user: User,
): Promise<Pick<KubeCredentials, 'token' | 'cert' | 'key'>> {
  if (user.exec || user.authProvider) return await pluginIdentity(file, config)
  const cert = pemSource(user.certFile, user.certData)
  const key = user.keyFile ? { file: user.keyFile } : decodeKey(user.keyData)
  return {
    ...(user.token ? { token: new Secret(user.token) } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
  }
}

/** A plugin is asked once for its certificate, and again and again for its token: it knows when that ends. */
async function pluginIdentity(
  file: string,
  config: KubeConfig,
): Promise<Pick<KubeCredentials, 'token' | 'cert' | 'key'>> {
  const { cert, key } = await askPlugin(config)
  // The library keeps a token until its stated end. After a refusal the configuration is read anew, without memory.
  let current = config
  const context = config.getCurrentContext()
  const token: TokenSource = {
    provide: async () => (await askPlugin(current)).token,
    forget: () => {
      current = load(file)
      current.setCurrentContext(context)
    },
  }
  return { token, ...(cert ? { cert: { pem: cert } } : {}), ...(key ? { key } : {}) }
}

async function askPlugin(config: KubeConfig): Promise<{
  readonly token: Secret | undefined
  readonly cert: string | undefined
  readonly key: Secret | undefined
}> {
  const options: RequestOptions = {}
  try {
    await config.applyToHTTPSOptions(options)
  } catch (error) {
    throw new Error('The login plugin of the kubeconfig failed: run kubectl with the same context', { cause: error })
  }
  const { headers = {}, cert, key } = options
  const authorization = 'Authorization' in headers ? String(headers['Authorization']) : ''
  const token = /^Bearer (\S+)$/.exec(authorization)?.[1]
  return {
    token: token === undefined ? undefined : new Secret(token),
    cert: cert === undefined ? undefined : String(cert),
    key: key === undefined ? undefined : new Secret(String(key)),
  }
}

function pemSource(file: string | undefined, data: string | undefined): PemSource | undefined {
  if (file) return { file }
  return data ? { pem: Buffer.from(data, 'base64').toString('utf8') } : undefined
}

function decodeKey(data: string | undefined): Secret | undefined {
  return data ? new Secret(Buffer.from(data, 'base64').toString('utf8')) : undefined
}
