import { rfc3339 } from '../../core/clock.ts'
import type { Secret } from '../../core/secret.ts'
import type { IssuedKind, TokenPlace } from '../form.ts'
import { formOf, type PresetName } from '../presets.ts'

/** What a step finds in the directory of a policy: names and contents. */
export type FileSet = Readonly<Record<string, string>>

interface FileToken {
  readonly accessToken: Secret
  readonly issued: IssuedKind
  readonly expiresAt: Date
  readonly scope: readonly string[]
}

/** The forms in which a token is presented. */
export interface Presentation {
  readonly as: readonly PresetName[]
  readonly audience: string
  readonly place: TokenPlace
}

export type TokenFiles =
  | { readonly kind: 'files'; readonly files: FileSet }
  /** A form cannot hold this token; one sentence that says the mend. */
  | { readonly kind: 'unfit'; readonly sentence: string }

/** The files of a token; the place where it leaves its Secret for the steps. */
export function tokenFiles(token: FileToken, presentation?: Presentation): TokenFiles {
  const expiresAt = { 'expires-at': rfc3339(token.expiresAt) }
  if (token.issued === 'aws-credentials') {
    const foreign = presentation?.as.filter((name) => name !== 'aws') ?? []
    return foreign.length === 0
      ? { kind: 'files', files: expiresAt }
      : unfit(`The policy gives AWS credentials, which cannot be presented as ${foreign.join(', ')}: use form aws`)
  }
  const text = token.accessToken.reveal()
  const files: Record<string, string> = { token: text, header: `Authorization: Bearer ${text}`, ...expiresAt }
  for (const name of presentation?.as ?? []) {
    const file = formOf(name).file
    if (presentation === undefined || file === undefined) continue
    if (text.length > (file.maxTokenBytes ?? Number.POSITIVE_INFINITY)) {
      return unfit(`The token is over ${file.maxTokenBytes} bytes, too long for form ${name}: use another form`)
    }
    const content = file.render({ text, scopes: token.scope, ...presentation })
    if (content !== undefined) files[file.name] = content
  }
  return { kind: 'files', files }
}

/** What takes their place while there is no token: one sentence that says the mend. */
export function errorFiles(sentence: string): FileSet {
  return { error: `${sentence}\n` }
}

function unfit(sentence: string): TokenFiles {
  return { kind: 'unfit', sentence }
}
