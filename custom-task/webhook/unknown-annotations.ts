import { nearestKey } from '../../core/config-expectation.ts'
import { agentAnnotation } from '../../core/identity/agent-mark.ts'
import { initiatorAnnotation } from '../../core/identity/initiator.ts'
import { revokedByAnnotation } from '../../core/tekton/revocation.ts'
import { annotationPrefix, injectedLabel } from './names.ts'
import type { Complaint } from './token-ask.ts'

type Annotations = Readonly<Record<string, string>> | null | undefined

/** What a pod can say; the other keys of this product stand on other objects. */
const read = ['inject', 'steps', 'as', 'optional', 'wait'].map((key) => `${annotationPrefix}${key}`)
/** Not read from pods, but Tekton copies them down, or people see them there. */
const known: readonly string[] = [...read, agentAnnotation, initiatorAnnotation, revokedByAnnotation, injectedLabel]

/** A key with a typing error would do nothing, and the default in its place may give the token to more steps. */
export function unknownAnnotations(annotations: Annotations): readonly Complaint[] {
  return unknownKeys(annotations).map((key) => {
    const meant = meantBy(key)
    const mend = meant === undefined ? `known are ${read.join(', ')}` : `did you mean ${meant}?`
    return `no such annotation ${annotationPrefix}${isWord(key) ? suffix(key) : '(a key)'}: ${mend}`
  })
}

/** Whether a key of the pod is `inject` with a typing error, which would otherwise ask for nothing. */
export function meansToAsk(annotations: Annotations): boolean {
  return unknownKeys(annotations).some((key) => meantBy(key) === `${annotationPrefix}inject`)
}

function unknownKeys(annotations: Annotations): readonly string[] {
  return Object.keys(annotations ?? {}).filter((key) => key.startsWith(annotationPrefix) && !known.includes(key))
}

function meantBy(key: string): string | undefined {
  if (!isWord(key)) return undefined
  const nearest = nearestKey(suffix(key), read.map(suffix))
  return nearest === undefined ? undefined : `${annotationPrefix}${nearest}`
}

/** A key that is no word may be something else, such as a token: it is not repeated. */
function isWord(key: string): boolean {
  return /^[A-Za-z_-]{1,32}$/.test(suffix(key))
}

function suffix(key: string): string {
  return key.slice(annotationPrefix.length)
}
