import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509'

/** A certificate and its private key. */
export interface KeyPair {
  readonly certificate: X509Certificate
  readonly key: KeyObject
}

export interface Lifetime {
  readonly notBefore: Date
  readonly notAfter: Date
}

const commonNameType = '2.5.4.3'
const ecdsaWithSha256 = '1.2.840.10045.4.3.2'
/** RFC 5280 §A.1: a common name has at most 64 characters. */
const maxCommonName = 64

/**
 * Makes an authority that signs servers and nothing else. Its name is its own, so that two authorities in one bundle are
 * never taken for each other.
 *
 * @see RFC 5280 §4.2.1.9
 */
export function issueAuthority(name: string, lifetime: Lifetime): KeyPair {
  const serial = serialNumber()
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const subject = nameOf(`${name} ${serial.toString('hex').slice(0, 8)}`)
  const certificate = signed({ serial, subject, issuer: subject, lifetime, publicKey, signer: privateKey }, [
    critical(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: 0 })),
    critical(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign)),
    plain(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdentifier(publicKey))),
  ])
  return { certificate, key: privateKey }
}

/**
 * Makes the certificate of a server, with a key of its own, signed by an authority and ending before it at the latest.
 *
 * @param names DNS names, at least one
 */
export function issueServing(names: readonly string[], authority: KeyPair, lifetime: Lifetime): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const parent = AsnConvert.parse(authority.certificate.raw, Certificate).tbsCertificate
  const notAfter = new Date(Math.min(lifetime.notAfter.getTime(), authority.certificate.validToDate.getTime()))
  const subject = nameOf((names[0] ?? 'server').slice(0, maxCommonName))
  const body = { serial: serialNumber(), subject, issuer: parent.subject, lifetime: { ...lifetime, notAfter } }
  const authorityKey = new AuthorityKeyIdentifier({
    keyIdentifier: new KeyIdentifier(keyIdentifier(authority.certificate.publicKey)),
  })
  const certificate = signed({ ...body, publicKey, signer: authority.key }, [
    critical(id_ce_basicConstraints, new BasicConstraints({ cA: false })),
    critical(id_ce_keyUsage, new KeyUsage(KeyUsageFlags.digitalSignature)),
    plain(id_ce_extKeyUsage, new ExtendedKeyUsage([id_kp_serverAuth])),
    plain(id_ce_subjectAltName, new SubjectAlternativeName(names.map((dNSName) => new GeneralName({ dNSName })))),
    plain(id_ce_subjectKeyIdentifier, new SubjectKeyIdentifier(keyIdentifier(publicKey))),
    plain(id_ce_authorityKeyIdentifier, authorityKey),
  ])
  return { certificate, key: privateKey }
}

interface Body {
  readonly serial: Buffer
  readonly subject: Name
  readonly issuer: Name
  readonly lifetime: Lifetime
  readonly publicKey: KeyObject
  readonly signer: KeyObject
}

function signed(body: Body, extensions: readonly Extension[]): X509Certificate {
  const algorithm = new AlgorithmIdentifier({ algorithm: ecdsaWithSha256 })
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: bytes(body.serial),
    signature: algorithm,
    issuer: body.issuer,
    validity: new Validity(body.lifetime),
    subject: body.subject,
    subjectPublicKeyInfo: publicKeyInfo(body.publicKey),
    extensions: new Extensions([...extensions]),
  })
  const signature = sign('sha256', Buffer.from(AsnConvert.serialize(tbsCertificate)), body.signer)
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm: algorithm,
    signatureValue: bytes(signature),
  })
  return new X509Certificate(Buffer.from(AsnConvert.serialize(certificate)))
}

function nameOf(commonName: string): Name {
  const attribute = { type: commonNameType, value: new AttributeValue({ utf8String: commonName }) }
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue(attribute)])])
}

function plain(extnID: string, value: object, isCritical = false): Extension {
  return new Extension({ extnID, critical: isCritical, extnValue: new OctetString(AsnConvert.serialize(value)) })
}

function critical(extnID: string, value: object): Extension {
  return plain(extnID, value, true)
}

/** RFC 5280 §4.1.2.2: positive, unique, at most 20 octets; the first bits are fixed so that its length is. */
function serialNumber(): Buffer {
  const serial = randomBytes(16)
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0)
  return serial
}

function publicKeyInfo(key: KeyObject): SubjectPublicKeyInfo {
  return AsnConvert.parse(key.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo)
}

/** RFC 7093 §2, method 1. Strict verifiers (Python 3.13) refuse certificates without it. */
function keyIdentifier(key: KeyObject): ArrayBuffer {
  const bits = Buffer.from(publicKeyInfo(key).subjectPublicKey)
  return bytes(createHash('sha256').update(bits).digest().subarray(0, 20))
}

function bytes(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer
}
