import { z } from 'zod'
import type { CustomRun } from '../../../core/tekton/custom-run.ts'
import { maxPolicies } from '../../../core/tekton/token-exchange-params.ts'

/** Names of our Secrets: nothing but chance, so that a name tells nobody anything and nobody can be there before us. */
export const secretNamePattern = /^tokenbroker-[a-z2-7]{26}$/

const time = z.iso.datetime({ offset: true })

const heldSecret = z.object({
  name: z.string().regex(secretNamePattern),
  policy: z.string().optional(),
  uid: z.string().min(1).max(64).optional(),
  exchangeId: z.string().optional(),
  expiresAt: time.optional(),
  renewAt: time.optional(),
})

/**
 * A Secret as the CustomRun's `status.extraFields.secrets` notes it: written before the Secret is made, so that no crash
 * leaves one that nobody knows of, and never a token.
 */
export interface HeldSecret {
  readonly name: string
  /** The policy as it was asked for; absent where the task names audience and scope instead. */
  readonly policy?: string | undefined
  /** What the API server called the object that we made; absent: not made yet, or made by a process that died then. */
  readonly uid?: string | undefined
  readonly exchangeId?: string | undefined
  /** RFC 3339, when the token in it ends. */
  readonly expiresAt?: string | undefined
  /** RFC 3339; absent: the token is not renewed any more. */
  readonly renewAt?: string | undefined
}

/** A Secret that is there, with a token in it. */
export interface MadeSecret extends HeldSecret {
  readonly uid: string
  readonly exchangeId: string
  readonly expiresAt: string
}

/**
 * What the status notes; entries that we cannot have written are nobody's and left alone, and so is whatever stands
 * behind the most that we write: each entry is a request to the API server.
 */
export function heldSecrets({ status }: CustomRun): readonly HeldSecret[] {
  const noted = status.extraFields?.['secrets']
  if (!Array.isArray(noted)) return []
  return noted.slice(0, maxPolicies).flatMap((one) => heldSecret.safeParse(one).data ?? [])
}

export function isMade(secret: HeldSecret): secret is MadeSecret {
  return secret.uid !== undefined && secret.exchangeId !== undefined && secret.expiresAt !== undefined
}
