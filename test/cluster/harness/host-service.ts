import { mkdtemp, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CertificateFiles, createAuthority, signCertificate } from '../rig/certificates.ts'
import { apply, facts, hostAddress, kube } from './cluster.ts'
import { waitFor } from './wait.ts'

export interface HostService {
  readonly namespace: string
  readonly name: string
  /** Port that pods connect to. */
  readonly port: number
  /** Port the process listens on; by default the same. */
  readonly targetPort?: number
}

/** Makes a process of this machine reachable under an in-cluster name, listening or not yet; gives its DNS name. */
export async function exposeHostProcess(service: HostService): Promise<string> {
  const { namespace, name, port, targetPort = port } = service
  await apply([
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { ports: [{ name: 'main', port, targetPort }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-host`, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'main', port: targetPort, protocol: 'TCP' }],
      endpoints: [{ addresses: [hostAddress()], conditions: { ready: true } }],
    },
  ])
  // a foreign cluster's Services cannot be seen from here
  if (facts().pki) await waitForRoute(namespace, name, port)
  return `${name}.${namespace}.svc.cluster.local`
}

/** Waits until kube-proxy knows the Service: a connection is then made or refused, and lost before. */
async function waitForRoute(namespace: string, name: string, port: number): Promise<void> {
  const service = await (await kube()).get(`/api/v1/namespaces/${namespace}/services/${name}`)
  await waitFor(`Service ${name} is routed`, async (report) => {
    const outcome = await tryToConnect(service.spec.clusterIP, port)
    report(outcome)
    return outcome === 'connected' || outcome === 'ECONNREFUSED'
  })
}

function tryToConnect(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 250 })
    const end = (outcome: string): void => {
      socket.destroy()
      resolve(outcome)
    }
    socket.once('connect', () => end('connected'))
    socket.once('timeout', () => end('no answer'))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
  })
}

/** A server certificate, as files, with the certificate of its signer for those who shall trust it. */
export interface IssuedCertificate extends CertificateFiles {
  /** File of the signer's certificate. */
  readonly authority: string
  /** The same as PEM text, for ConfigMaps and `caBundle`. */
  readonly authorityPem: string
}

let ownAuthority: Promise<string> | undefined
let issued = 0

/**
 * Issues a certificate for these DNS names and IP addresses, by the cluster's own authority. A foreign cluster's
 * authority is not ours to sign with: there an authority of this test run signs.
 */
export async function issueCertificate(names: readonly string[]): Promise<IssuedCertificate> {
  const authorityFolder = facts().pki ?? (await ourAuthority())
  const directory = await mkdtemp(join(tmpdir(), 'cluster-certificate-'))
  issued += 1
  const files = await signCertificate(authorityFolder, directory, {
    name: `server-${issued}`,
    // 64 characters is all a common name may have; clients look at the names below anyway
    subject: `/CN=${(names[0] ?? 'server').slice(0, 64)}`,
    names: names.map((name) => (/^[\d.]+$|:/.test(name) ? `IP:${name}` : `DNS:${name}`)),
  })
  const authority = join(authorityFolder, 'ca.crt')
  return { ...files, authority, authorityPem: await readFile(authority, 'utf8') }
}

function ourAuthority(): Promise<string> {
  ownAuthority ??= createOwnAuthority()
  return ownAuthority
}

async function createOwnAuthority(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cluster-authority-'))
  await createAuthority(directory)
  return directory
}
