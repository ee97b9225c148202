import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './command.ts'

/** A certificate and its key, as files. */
export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
}

export interface CertificateRequest {
  /** Name of the files. */
  readonly name: string
  /** openssl's form, such as `/O=system:masters/CN=admin`. */
  readonly subject: string
  /** openssl's form, such as `IP:127.0.0.1` or `DNS:localhost`. */
  readonly names: readonly string[]
}

const days = '30'
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** A new certificate authority in `directory`: `ca.crt` and `ca.key`. */
export async function createAuthority(directory: string): Promise<CertificateFiles> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const files = filesOf(directory, 'ca')
  const subject = ['-subj', '/CN=token-broker-test-cluster']
  await run('openssl', [
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    files.key,
    '-out',
    files.certificate,
    '-days',
    days,
    ...subject,
  ])
  return files
}

/** A certificate for server and client use, signed by the authority in `authority`, written to `directory`. */
export async function signCertificate(
  authority: string,
  directory: string,
  request: CertificateRequest,
): Promise<CertificateFiles> {
  const files = filesOf(directory, request.name)
  const signer = filesOf(authority, 'ca')
  const signing = join(directory, `${request.name}.csr`)
  const extensions = join(directory, `${request.name}.ext`)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await writeFile(
    extensions,
    [
      `subjectAltName=${request.names.join(',')}`,
      'extendedKeyUsage=serverAuth,clientAuth',
      'basicConstraints=CA:FALSE',
      'subjectKeyIdentifier=hash',
      'authorityKeyIdentifier=keyid',
    ].join('\n'),
  )
  await run('openssl', ['req', ...newKey, '-keyout', files.key, '-out', signing, '-subj', request.subject])
  const signed = ['-in', signing, '-out', files.certificate, '-extfile', extensions, '-days', days]
  await run('openssl', ['x509', '-req', ...signed, '-CA', signer.certificate, '-CAkey', signer.key])
  await Promise.all([rm(signing), rm(extensions)])
  return files
}

/** Key that signs the cluster's service account tokens. */
export async function createTokenKey(file: string): Promise<void> {
  await run('openssl', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', file])
}

function filesOf(directory: string, name: string): CertificateFiles {
  return { certificate: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) }
}
