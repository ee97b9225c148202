/** An IPv4 address as a socket of both families shows it is still that address. @see RFC 4291 §2.5.5.2 */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}
