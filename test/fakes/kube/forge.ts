import { createHmac, randomUUID } from 'node:crypto'
import { serviceAccountUser } from '../../../core/identity/workload.ts'
import type { FakeKube, ProjectedTokenOptions } from './server.ts'
import { createSigningKey, encodeSegment, type ServiceAccountClaims, type SigningKey } from './token.ts'

interface Genuine {
  /** Claims of a good token for the same pod. */
  readonly claims: ServiceAccountClaims
  /** The key that the cluster signs with. */
  readonly key: SigningKey
  /** A key that the cluster has never seen. */
  readonly foreignKey: SigningKey
  /** Signs like the cluster unless another key or header is given. */
  readonly sign: (claims: object, key?: SigningKey, header?: object) => string
  /** Segments of the good token. */
  readonly segments: readonly [header: string, payload: string, signature: string]
}

interface Row {
  /**
   * What a TokenReview for the token's intended audience says to it: the cluster itself takes some tokens that a
   * broker must refuse.
   */
  readonly passesTokenReview: boolean
  readonly make: (genuine: Genuine) => string
}

const minute = 60
const hour = 3600

function withKubernetes(claims: ServiceAccountClaims, change: object): object {
  return { ...claims, 'kubernetes.io': { ...claims['kubernetes.io'], ...change } }
}

function shifted({ exp, iat, nbf, ...rest }: ServiceAccountClaims, seconds: number): object {
  return { ...rest, exp: exp + seconds, iat: iat + seconds, nbf: nbf + seconds }
}

function without(claims: object, key: string): object {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => name !== key))
}

/** The same signature bits, written with other unused bits at the end. @see RFC 4648 §3.5 */
function otherSpelling(signature: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(signature.at(-1) ?? '')
  return signature.slice(0, -1) + alphabet.charAt(last ^ 1)
}

function hmacToken({ claims, key }: Genuine): string {
  const input = `${encodeSegment({ alg: 'HS256', kid: key.kid })}.${encodeSegment(claims)}`
  const secret = key.publicKey.export({ type: 'spki', format: 'pem' })
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

const refused = (make: Row['make']): Row => ({ passesTokenReview: false, make })
const taken = (make: Row['make']): Row => ({ passesTokenReview: true, make })

/** Every way in which a subject token can be bad, by name. */
export const forgeries = {
  wrongKey: refused(({ sign, claims, foreignKey, key }) => sign(claims, foreignKey, { kid: key.kid })),
  unknownKid: refused(({ sign, claims, foreignKey }) => sign(claims, foreignKey)),
  rightKeyUnknownKid: taken(({ sign, claims, key }) => sign(claims, key, { kid: randomUUID() })),
  algNone: refused(({ claims, key }) => `${encodeSegment({ alg: 'none', kid: key.kid })}.${encodeSegment(claims)}.`),
  algHs256: refused(hmacToken),
  embeddedJwk: refused(({ sign, claims, foreignKey }) => sign(claims, foreignKey, { jwk: foreignKey.jwk })),
  jku: refused(({ sign, claims, foreignKey }) => sign(claims, foreignKey, { jku: 'http://127.0.0.1:9/jwks' })),
  jkuRightKey: taken(({ sign, claims, key }) => sign(claims, key, { jku: 'http://127.0.0.1:9/jwks' })),
  critical: refused(({ sign, claims, key }) => sign(claims, key, { crit: ['b64'], b64: true })),
  tamperedPayload: refused(({ claims, segments: [header, , signature] }) => {
    const sub = serviceAccountUser(claims['kubernetes.io'].namespace, 'admin')
    return `${header}.${encodeSegment({ ...claims, sub })}.${signature}`
  }),
  truncated: refused(({ segments }) => segments.join('.').slice(0, -8)),
  noSignature: refused(({ segments: [header, payload] }) => `${header}.${payload}.`),
  fourSegments: refused(({ segments }) => `${segments.join('.')}.${segments[2]}`),
  paddedSegment: refused(({ segments }) => `${segments.join('.')}==`),
  otherSignatureSpelling: taken(({ segments: [header, payload, signature] }) => {
    return `${header}.${payload}.${otherSpelling(signature)}`
  }),
  lineBreak: refused(({ segments }) => `${segments.join('.')}\n`),
  notAToken: refused(() => 'ghp_0000000000000000000000000000000000'),
  expired: refused(({ sign, claims }) => sign(shifted(claims, -(2 * hour)))),
  expiredWithinLeeway: taken(({ sign, claims }) => sign({ ...claims, exp: claims.iat - minute / 2 })),
  futureNbf: refused(({ sign, claims }) => sign({ ...claims, nbf: claims.nbf + hour })),
  futureIat: refused(({ sign, claims }) => sign({ ...claims, iat: claims.iat + hour })),
  noExpiry: taken(({ sign, claims }) => sign(without(claims, 'exp'))),
  longLived: taken(({ sign, claims }) => sign({ ...claims, exp: claims.iat + 365 * 24 * hour })),
  pastWarnAfter: taken(({ sign, claims }) => {
    return sign(withKubernetes({ ...claims, exp: claims.iat + 365 * 24 * hour }, { warnafter: claims.iat - minute }))
  }),
  wrongIssuer: refused(({ sign, claims }) => sign({ ...claims, iss: 'https://issuer.example.com' })),
  issuerTrailingSlash: refused(({ sign, claims }) => sign({ ...claims, iss: `${claims.iss}/` })),
  legacyIssuer: refused(({ sign, claims }) => sign({ ...claims, iss: 'kubernetes/serviceaccount' })),
  extraAudience: taken(({ sign, claims }) => sign({ ...claims, aud: [...claims.aud, 'https://other.example.com'] })),
  wrongAudience: refused(({ sign, claims }) => sign({ ...claims, aud: ['https://other.example.com'] })),
  apiServerAudience: refused(({ sign, claims }) => sign({ ...claims, aud: [claims.iss] })),
  noAudience: refused(({ sign, claims }) => sign({ ...claims, aud: [] })),
  noPodBinding: taken(({ sign, claims }) => sign(withKubernetes(claims, { pod: undefined }))),
  nodeBound: taken(({ sign, claims }) => {
    return sign(withKubernetes(claims, { pod: undefined, node: { name: 'node1', uid: randomUUID() } }))
  }),
  secretBound: refused(({ sign, claims }) => {
    return sign(withKubernetes(claims, { pod: undefined, secret: { name: 'token', uid: randomUUID() } }))
  }),
  otherPodUid: refused(({ sign, claims }) => {
    return sign(withKubernetes(claims, { pod: { ...claims['kubernetes.io'].pod, uid: randomUUID() } }))
  }),
  otherServiceAccountUid: refused(({ sign, claims }) => {
    return sign(
      withKubernetes(claims, { serviceaccount: { ...claims['kubernetes.io'].serviceaccount, uid: randomUUID() } }),
    )
  }),
  subjectMismatch: taken(({ sign, claims }) => sign({ ...claims, sub: serviceAccountUser('kube-system', 'admin') })),
  noCredentialId: taken(({ sign, claims }) => sign(without(claims, 'jti'))),
  noKubernetesClaim: refused(({ sign, claims }) => sign(without(claims, 'kubernetes.io'))),
} as const satisfies Readonly<Record<string, Row>>

export type Forgery = keyof typeof forgeries

export const forgeryNames = Object.keys(forgeries) as readonly Forgery[]

/**
 * Makes bad subject tokens for a pod that exists. Those with `passesTokenReview` are signed by the cluster and taken by
 * its TokenReview (for the audience asked for): only the broker's own rules can refuse them.
 */
export async function createForge(
  kube: Pick<FakeKube, 'issuer' | 'projectToken'>,
  options: ProjectedTokenOptions,
): Promise<(name: Forgery) => string> {
  const foreignKey = await createSigningKey()
  return (name) => {
    const token = kube.projectToken(options)
    const [header = '', payload = '', signature = ''] = token.split('.')
    const key = kube.issuer.keys()[0]
    if (key === undefined) throw new TypeError('the cluster has no key')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as ServiceAccountClaims
    const segments = [header, payload, signature] as const
    return forgeries[name].make({ claims, key, foreignKey, sign: kube.issuer.sign, segments })
  }
}
