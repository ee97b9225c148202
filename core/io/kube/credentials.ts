import type { RequestOptions } from 'node:https'
import type { Cluster, KubeConfig, User } from '@kubernetes/client-node'
import { Secret } from '../../secret.ts'
import { errorCode } from '../error-code.ts'
import { StartError } from '../start-error.ts'
import type { PemSource } from '../tls-material.ts'
import type { TokenSource } from './bearer.ts'
import type { KubeCredentials } from './connection.ts'
import { inClusterCredentials } from './in-cluster.ts'
import { kubeconfigTokenFile } from './kubeconfig-token-file.ts'

export interface CredentialOptions {
  /** Path of a kubeconfig; without it the ServiceAccount of the pod is used. */
  readonly kubeconfig?: string | undefined
  /** Default: the current context of the kubeconfig. */
  readonly context?: string | undefined
  /** Environment of the process, for the variables that Kubernetes sets in every pod. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Where the kubelet mounts the ServiceAccount. */
  readonly mount?: string
  /** What the process calls the setting of `kubeconfig`, for error texts. Default: KUBECONFIG. */
  readonly setting?: string
}

/**
 * Finds out which API server to speak to, and as whom. Reading a kubeconfig loads the Kubernetes library, which takes
 * half a second and 50 MB; in a cluster it is not loaded.
 *
 * @throws StartError that says what to set
 */
export async function loadCredentials(options: CredentialOptions): Promise<KubeCredentials> {
  if (options.kubeconfig === undefined) return inClusterCredentials(options.env ?? {}, options.mount, options.setting)
  return await readKubeconfig(options.kubeconfig, options.context)
}

/**
 * Reads one context of a kubeconfig: certificate, token or login plugin (exec, OIDC, clouds).
 *
 * @throws StartError that says what is missing or refused, and never repeats the file
 */
async function readKubeconfig(file: string, context: string | undefined): Promise<KubeCredentials> {
  const { KubeConfig: Config } = await import('@kubernetes/client-node')
  const load = (): KubeConfig => loadFile(new Config(), file)
  const config = load()
  if (context !== undefined) config.setCurrentContext(context)
  const cluster = config.getCurrentCluster()
  const user = config.getCurrentUser()
  if (!cluster || !user) {
    throw new StartError(`Kubeconfig ${file} has no context "${config.getCurrentContext()}" with a cluster and a user`)
  }
  refuseUnsafe(cluster, user, file)
  const ca = pemSource(cluster.caFile, cluster.caData)
  return {
    server: cluster.server,
    ...(ca ? { ca } : {}),
    ...(cluster.tlsServerName ? { serverName: cluster.tlsServerName } : {}),
    ...(await identity(config, user, load, file)),
  }
}

/** The parser's own message quotes the lines around a mistake, which may be a key: it is dropped. */
function loadFile(config: KubeConfig, file: string): KubeConfig {
  try {
    config.loadFromFile(file)
  } catch (error) {
    const code = errorCode(error)
    const why = code === undefined ? 'it must be a kubeconfig in YAML' : code
    throw new StartError(`Kubeconfig ${file} cannot be read: ${why}`)
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
  if (mends.length > 0) throw new StartError(`Kubeconfig ${file}: ${mends.join('; ')}`)
}

type Identity = Pick<KubeCredentials, 'token' | 'cert' | 'key'>

async function identity(config: KubeConfig, user: User, load: () => KubeConfig, file: string): Promise<Identity> {
  if (user.exec || user.authProvider) return await pluginIdentity(config, load)
  const cert = pemSource(user.certFile, user.certData)
  const key = user.keyFile ? { file: user.keyFile } : decodeKey(user.keyData)
  const token = await tokenOf(user, file)
  return {
    ...(token ? { token } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
  }
}

/** A file goes before a token, as kubectl has it: it is the one that is renewed. */
async function tokenOf(user: User, file: string): Promise<TokenSource | undefined> {
  const tokenFile = await kubeconfigTokenFile(file, user.name)
  if (tokenFile !== undefined) return { file: tokenFile }
  return user.token ? new Secret(user.token) : undefined
}

/** A plugin is asked once for its certificate, and again and again for its token: it knows when that ends. */
async function pluginIdentity(config: KubeConfig, load: () => KubeConfig): Promise<Identity> {
  const { cert, key } = await askPlugin(config)
  // The library keeps a token until its stated end. After a refusal the configuration is read anew, without memory.
  let current = config
  const context = config.getCurrentContext()
  const token: TokenSource = {
    provide: async () => (await askPlugin(current)).token,
    forget: () => {
      current = load()
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
    throw new StartError('The login plugin of the kubeconfig failed: run kubectl with the same context', {
      cause: error,
    })
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
