import { revokedByAnnotation } from '../tekton/revocation.ts'

/** Beside `revoked-by`: when, RFC 3339; a new value withdraws again what was granted since. */
export const revokedAtAnnotation = 'tokenbroker.dev/revoked-at'

/**
 * Who set or took away `spec.suspend`. On a ServiceAccount, which has no such field, it is the suspension itself: while
 * it is there, nothing is granted to the account.
 */
export const suspendedByAnnotation = 'tokenbroker.dev/suspended-by'

/** On ServiceAccounts that carry a mark, so that the broker need not follow all of them. */
export const markedLabel = 'tokenbroker.dev/revoked'

/** What a person wrote on a policy, provider or ServiceAccount; admission holds the names against who wrote them. */
export interface AccessMarks {
  /** What was granted until the broker saw this is withdrawn. */
  readonly revoked: { readonly by: string; readonly at: string } | undefined
  readonly suspendedBy: string | undefined
}

interface Annotated {
  readonly annotations?: Readonly<Record<string, string>> | undefined
}

/** No value is longer, so that nothing of a mark is cut off in a record. */
const maxLength = 256

export function accessMarks({ annotations = {} }: Annotated): AccessMarks {
  const read = (name: string) => annotations[name]?.slice(0, maxLength) || undefined
  const by = read(revokedByAnnotation)
  return {
    revoked: by === undefined ? undefined : { by, at: read(revokedAtAnnotation) ?? '' },
    suspendedBy: read(suspendedByAnnotation),
  }
}
