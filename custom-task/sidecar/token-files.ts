import { rfc3339 } from '../../core/clock.ts'
import type { Secret } from '../../core/secret.ts'

/** What a step finds in the directory of a policy: names and contents. */
export type FileSet = Readonly<Record<string, string>>

interface FileToken {
  readonly accessToken: Secret
  readonly expiresAt: Date
}

/** The files of a token; the place where it leaves its Secret for the steps. */
export function tokenFiles(token: FileToken): FileSet {
  const text = token.accessToken.reveal()
  return { token: text, header: `Authorization: Bearer ${text}`, 'expires-at': rfc3339(token.expiresAt) }
}

/** What takes their place while there is no token: one sentence that says the mend. */
export function errorFiles(sentence: string): FileSet {
  return { error: `${sentence}\n` }
}
