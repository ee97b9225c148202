import { readFile } from 'node:fs/promises'
import type { Clock } from '../../clock.ts'
import { b64tokenPattern } from '../../oauth/vocabulary.ts'
import { Secret } from '../../secret.ts'
import { createFresh, type Fresh } from '../fresh.ts'

/** A login plugin. */
export interface TokenProvider {
  readonly provide: () => Promise<Secret | undefined>
  /** Drops what it remembers, before it is asked again after a refusal. */
  readonly forget: () => void
}

/** How the client proves who it is: a fixed token, a file that the kubelet renews, or a login plugin. */
export type TokenSource = Secret | { readonly file: string } | TokenProvider

/** A projected token is renewed at 80 % of its life, minutes before its end; a minute of age is safe and cheap. */
const maxAgeMs = 60_000

/**
 * The bearer token of the next request, at most a minute old; undefined for a client that has none. `expire` after a 401
 * makes the next one read anew, and says when that is of no use.
 */
export function createBearer(
  source: TokenSource | undefined,
  clock: Clock,
  onError: (error: unknown) => void,
): Fresh<Secret | undefined> {
  if (source === undefined || source instanceof Secret) {
    return Object.freeze({ current: () => Promise.resolve(source), expire: () => false })
  }
  if ('file' in source) return createFresh(() => readToken(source.file), { clock, maxAgeMs, onError })
  const provided = createFresh(source.provide, { clock, maxAgeMs, onError })
  return Object.freeze({
    current: provided.current,
    expire(): boolean {
      const isWorthwhile = provided.expire()
      if (isWorthwhile) source.forget()
      return isWorthwhile
    },
  })
}

async function readToken(file: string): Promise<Secret> {
  const text = (await readFile(file, 'utf8')).trim()
  if (!b64tokenPattern.test(text)) throw new Error(`File ${file} holds no bearer token`)
  return new Secret(text)
}
