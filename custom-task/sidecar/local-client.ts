import { hash, timingSafeEqual } from 'node:crypto'
import { Secret } from '../../core/secret.ts'
import { decode, type LocalForm } from './local-form.ts'
import { badRequest, invalidClient, type LocalRefusal } from './local-refusal.ts'
import type { TokenTarget } from './token-target.ts'

/** What one key opens. */
export interface LocalStep {
  readonly keyHash: Buffer
  /** By name and, where nobody else has that name, by alias and policy alike. */
  readonly targets: ReadonlyMap<string, TokenTarget>
}

interface Credentials {
  readonly id: string
  readonly secret: Secret
}

const howToByKey = 'Send the content of the key file as Authorization, read anew each time'
const howTo = 'Send the policy as client id and the content of the key file as client secret, read anew each time'

/** The form in which a key is kept and compared. */
export function hashKey(key: Secret): Buffer {
  return hash('sha256', key.reveal(), 'buffer')
}

/**
 * Finds the policy that the caller may have.
 *
 * @returns the target of the policy, or the refusal
 * @see RFC 6749 §2.3.1
 */
export function authenticate(
  authorization: string | undefined,
  form: LocalForm,
  steps: readonly LocalStep[],
): TokenTarget | LocalRefusal {
  const credentials = readCredentials(authorization, form)
  if ('kind' in credentials) return credentials
  const step = findStep(credentials.secret, steps)
  if (step === undefined) return invalidClient(howTo)
  return step.targets.get(credentials.id) ?? invalidClient('The client id is no policy of this step')
}

/**
 * The caller of an AWS SDK: its `Authorization` is the key file's content as it stands, or behind `Bearer`.
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */
export function authenticateByKey(
  authorization: string | undefined,
  clientId: string,
  steps: readonly LocalStep[],
): TokenTarget | LocalRefusal {
  const match = /^(?:bearer +)?([A-Za-z0-9_-]{1,128})$/i.exec(authorization ?? '')
  const step = findStep(new Secret(match?.[1] ?? ''), steps)
  if (match === null || step === undefined) return invalidClient(howToByKey)
  return step.targets.get(clientId) ?? invalidClient('The path names no policy of this step')
}

/** Looks at every step, so that the time tells nothing about which key was nearly right. */
function findStep(secret: Secret, steps: readonly LocalStep[]): LocalStep | undefined {
  const presented = hashKey(secret)
  let found: LocalStep | undefined
  for (const step of steps) if (timingSafeEqual(step.keyHash, presented)) found = step
  return found
}

function readCredentials(authorization: string | undefined, form: LocalForm): Credentials | LocalRefusal {
  if (authorization === undefined) {
    const { clientId: id, clientSecret: secret } = form
    return id === undefined || secret === undefined ? invalidClient(howTo) : { id, secret }
  }
  const basic = readBasic(authorization)
  if (basic === undefined) return invalidClient(howTo)
  if (form.clientSecret !== undefined || (form.clientId !== undefined && form.clientId !== basic.id)) {
    return badRequest('Authenticate once: by Authorization or by client_id and client_secret')
  }
  return basic
}

function readBasic(authorization: string): Credentials | undefined {
  const match = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)
  if (match === null) return undefined
  const text = Buffer.from(match[1] ?? '', 'base64').toString('utf8')
  const at = text.indexOf(':')
  const id = at < 1 ? undefined : decode(text.slice(0, at))
  const secret = at < 1 ? undefined : decode(text.slice(at + 1))
  return id === undefined || secret === undefined ? undefined : { id, secret: new Secret(secret) }
}
