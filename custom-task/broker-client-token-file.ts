import { open } from 'node:fs/promises'
import { b64tokenPattern } from '../core/oauth/vocabulary.ts'
import { Secret } from '../core/secret.ts'

/** Where the caller's own credential comes from; asked anew for each request. */
export type TokenSource = (signal: AbortSignal) => Promise<Secret>

/** The projected token cannot be used; the text names the file and the mend, never the content. */
export class TokenFileError extends Error {
  override readonly name = 'TokenFileError'
}

const maxTokenBytes = 16_384

/**
 * A projected ServiceAccount token. Read for each request, as the kubelet replaces the file at 80 % of the token's life
 * and a copy in memory would be refused some day.
 */
export function createTokenFile(path: string): TokenSource {
  return async (signal) => {
    signal.throwIfAborted()
    const token = (await readBounded(path)).trim()
    if (!b64tokenPattern.test(token)) throw new TokenFileError(`${path} holds no token`)
    return new Secret(token)
  }
}

async function readBounded(path: string): Promise<string> {
  let file: Awaited<ReturnType<typeof open>>
  try {
    file = await open(path, 'r')
  } catch (cause) {
    throw new TokenFileError(`${path} cannot be opened: mount a projected serviceAccountToken volume there`, { cause })
  }
  try {
    const buffer = Buffer.alloc(maxTokenBytes + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length)
      length += bytesRead
      if (bytesRead === 0 || length === buffer.length) break
    }
    if (length > maxTokenBytes) throw new TokenFileError(`${path} is over ${maxTokenBytes} bytes`)
    return buffer.toString('utf8', 0, length)
  } finally {
    await file.close()
  }
}
