import { randomFillSync } from 'node:crypto'
import type { Clock } from '../clock.ts'

/**
 * Makes UUIDv7s: sortable by time, 74 random bits, so neither guessable nor colliding.
 *
 * @see RFC 9562 §5.7
 */
export function createUuidV7(clock: Clock, fill: (bytes: Uint8Array) => void = randomFillSync): () => string {
  return function uuidV7() {
    const bytes = Buffer.allocUnsafe(16)
    fill(bytes)
    bytes.writeUIntBE(clock().getTime(), 0, 6)
    bytes[6] = 0x70 | (bytes.readUInt8(6) & 0x0f)
    bytes[8] = 0x80 | (bytes.readUInt8(8) & 0x3f)
    const hex = bytes.toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }
}
