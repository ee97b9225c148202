import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { createFresh, type Fresh } from '../../core/io/fresh.ts'
import { StartError } from '../../core/io/start-error.ts'
import { Secret } from '../../core/secret.ts'

const maxAgeMs = 10_000
const maxSecrets = 4
const length = { min: 16, max: 1024 } as const

/** `whsec_` and base64, of at least 24 bytes. @see Standard Webhooks, `spec/standard-webhooks.md`: Signature scheme */
const standardSecret = /^(?:whsec_)?[A-Za-z0-9+/]{32,}={0,2}$/

interface Options {
  /** Whether they are keys in base64, as Standard Webhooks and GitLab have them. */
  readonly isStandard: boolean
  readonly clock: Clock
  /** Told of a directory that cannot be read any more, while the last good secrets stay. */
  readonly onError: (error: unknown) => void
}

/**
 * The secrets of one sender, each in a file of a directory, as a mounted Secret has them. A file that is added or taken
 * away counts within 10 s.
 *
 * @returns what throws StartError as long as it was never good
 */
export function createSenderSecrets(
  directory: string,
  { isStandard, clock, onError }: Options,
): Fresh<readonly Secret[]> {
  return createFresh(async () => await readSecrets(directory, isStandard), { clock, maxAgeMs, onError })
}

async function readSecrets(directory: string, isStandard: boolean): Promise<readonly Secret[]> {
  // A mounted Secret keeps its versions in directories whose names begin with two dots.
  const names = await readdir(directory).then(
    (all) => all.filter((name) => !name.startsWith('.')).toSorted(),
    (cause: unknown) => {
      throw unusable(directory, 'cannot be read: mount the Secret of the sender', cause)
    },
  )
  if (names.length === 0 || names.length > maxSecrets) {
    throw unusable(directory, `holds ${names.length} files: put 1 to ${maxSecrets} secrets there, each in its own`)
  }
  const secrets: Secret[] = []
  // One after the other: of several that are wrong it is always the first that is told.
  for (const name of names) secrets.push(await readSecret(join(directory, name), isStandard))
  return secrets
}

async function readSecret(file: string, isStandard: boolean): Promise<Secret> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw unusable(file, 'cannot be read', cause)
  })
  // Editors and `echo` end a file with a newline that nobody means.
  const secret = text.replace(/\r?\n$/, '')
  if (secret.length < length.min || secret.length > length.max) {
    throw unusable(file, `holds ${secret.length} characters: a secret has ${length.min} to ${length.max}`)
  }
  if (isStandard && !standardSecret.test(secret)) {
    throw unusable(file, 'is no key of Standard Webhooks: whsec_ and base64 of at least 24 bytes')
  }
  return new Secret(secret)
}

function unusable(path: string, why: string, cause?: unknown): StartError {
  return new StartError(`${path} ${why}`, { cause })
}
