/**
 * Set by a person on a PipelineRun, or on a TaskRun that stands alone, to withdraw what it was given; the value is that
 * person's user name. Admission lets it in only under the own name and with the verb `revoke` on `tokenpolicies`.
 */
export const revokedByAnnotation = 'tokenbroker.dev/revoked-by'

interface Annotated {
  readonly annotations?: Readonly<Record<string, string>> | undefined
}

/** Who withdrew what the run was given; undefined when nobody did. */
export function revokedBy(metadata: Annotated): string | undefined {
  // Admission lets an empty value pass as one that is absent.
  return metadata.annotations?.[revokedByAnnotation] || undefined
}
