/** RFC 4648 base32 in lower case: what a Kubernetes name may have. */
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const nameBytes = 26

/** A name that nobody can guess (130 bits). @param fill fills with random bytes */
export function newSecretName(fill: (bytes: Uint8Array) => unknown): string {
  const bytes = new Uint8Array(nameBytes)
  fill(bytes)
  return `tokenbroker-${Array.from(bytes, (byte) => alphabet.charAt(byte % alphabet.length)).join('')}`
}
