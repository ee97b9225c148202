import { z } from 'zod'
import type { Initiator } from './run.ts'

/** On every PipelineRun, TaskRun and CustomRun: who made it, as our admission webhook wrote it. */
export const initiatorAnnotation = 'tokenbroker.dev/initiator'

/** A user as the API server authenticated it; `userInfo` of an AdmissionReview. */
export interface RequestUser {
  readonly username: string
  /** Absent for users that have none, such as those of client certificates. */
  readonly uid?: string | null | undefined
}

/** What a stamp says; whether anybody could have forged it is for the walk to find out. */
export type StampedInitiator = Omit<Initiator, 'isProved'> & { readonly kind: 'person' | 'serviceaccount' }

/** Longer names are none that an identity provider gives; each stands in every record of the run. */
const maxLength = 1024

const stamp = z.strictObject({ username: z.string().min(1).max(maxLength), uid: z.string().max(maxLength) })

/**
 * The stamp for a user: always these two members in this order, without spaces, so that an expression of admission can
 * write the same text and compare.
 *
 * @returns undefined for a name that JSON escapes, which no such expression can write: the initiator is then unknown
 */
export function formatInitiator({ username, uid }: RequestUser): string | undefined {
  const text = JSON.stringify({ username, uid: uid ?? '' })
  const isPlain = text === `{"username":"${username}","uid":"${uid ?? ''}"}`
  return isPlain && parseInitiator(text) !== undefined ? text : undefined
}

/** @returns undefined where there is no stamp, or what stands there is none of ours: the initiator is unknown */
export function parseInitiator(annotation: string | undefined): StampedInitiator | undefined {
  const { data } = stamp.safeParse(parsed(annotation))
  // Word for word as it is written: a name with quotation marks in it could else close its own and go on with another.
  if (data === undefined || JSON.stringify({ username: data.username, uid: data.uid }) !== annotation) return undefined
  return { username: data.username, uid: data.uid || undefined, kind: kindOf(data.username) }
}

/** Kubernetes keeps the prefix for ServiceAccounts, nodes and its own components: none of them is a person. */
function kindOf(username: string): StampedInitiator['kind'] {
  return username.startsWith('system:') ? 'serviceaccount' : 'person'
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}
