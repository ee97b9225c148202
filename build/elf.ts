/** What a 64-bit little-endian ELF program says of itself, as far as an image needs it. */
export interface ElfProgram {
  /** The dynamic loader that it asks for, such as `/lib64/ld-linux-x86-64.so.2`. */
  readonly interpreter: string
  /** The first byte behind everything that is ever loaded. */
  readonly loadedBytes: number
}

/** Type of a program header: the path of the dynamic loader. */
const interpreterHeader = 3

/** @throws TypeError when it is no dynamically linked 64-bit little-endian ELF program. @see elf(5) */
export function readElf(bytes: Buffer): ElfProgram {
  if (bytes.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') throw new TypeError('not a 64-bit little-endian ELF file')
  const offset = Number(bytes.readBigUInt64LE(32))
  const [size, count] = [bytes.readUInt16LE(54), bytes.readUInt16LE(56)]
  const segments = Array.from({ length: count }, (_, index) => {
    const at = offset + index * size
    const begin = Number(bytes.readBigUInt64LE(at + 8))
    return { type: bytes.readUInt32LE(at), begin, end: begin + Number(bytes.readBigUInt64LE(at + 32)) }
  })
  const named = segments.find(({ type }) => type === interpreterHeader)
  if (named === undefined) throw new TypeError('the program names no dynamic loader')
  return {
    interpreter: bytes.toString('latin1', named.begin, named.end - 1),
    loadedBytes: Math.max(offset + count * size, ...segments.map(({ end }) => end)),
  }
}

/**
 * The program without symbols, debug information and section headers: the kernel and the loader read none of them, and
 * in Node they are a fifth of the file. Names in a stack trace of the native part come from what is kept.
 */
export function trimElf(bytes: Buffer): Buffer {
  const trimmed = Buffer.from(bytes.subarray(0, readElf(bytes).loadedBytes))
  trimmed.fill(0, 40, 48) // where the section headers are
  trimmed.fill(0, 58, 64) // their size, their number, the one with their names
  return trimmed
}
