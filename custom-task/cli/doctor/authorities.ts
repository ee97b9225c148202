import { X509Certificate } from 'node:crypto'

/** The certificates of a PEM bundle, or undefined when there is none or one cannot be read. */
export function authoritiesIn(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g)
  if (blocks === null) return undefined
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch {
    return undefined
  }
}
