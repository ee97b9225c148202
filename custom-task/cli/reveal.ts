import type { Secret } from '../../core/secret.ts'

/** The one place where the command line turns a token into text: for standard output, when it was asked for. */
export function reveal(token: Secret, prefix: string): string {
  return `${prefix}${token.reveal()}`
}
