import { randomBytes } from 'node:crypto'

/** What a fake broker has issued, and what a strict server may be shown: known, and not over. */
export interface Tokens {
  /** A new token, with the characters that need care in URLs and files. */
  issue(lifetimeSeconds: number): string
  isValid(token: string): boolean
  readonly issued: readonly string[]
}

export function createTokens(): Tokens {
  const ends = new Map<string, number>()
  return {
    issue(lifetimeSeconds) {
      const token = `${randomBytes(96).toString('base64url')}.~+/${randomBytes(8).toString('hex')}==`
      ends.set(token, Date.now() + lifetimeSeconds * 1000)
      return token
    },
    isValid: (token) => Date.now() < (ends.get(token) ?? 0),
    get issued() {
      return [...ends.keys()]
    },
  }
}

/** Whether a token may be let in, as a server judges it. */
export type IsValid = (token: string) => boolean | Promise<boolean>

/** The token of `Authorization: Basic oauth2:<token>`; undefined for everything else. */
export function basicPassword(authorization: string | undefined, user = 'oauth2'): string | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/.exec(authorization ?? '')?.[1]
  const text = Buffer.from(encoded ?? '', 'base64').toString('utf8')
  return text.startsWith(`${user}:`) ? text.slice(user.length + 1) : undefined
}
