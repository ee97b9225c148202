/** The present moment. A parameter everywhere, so that tests and replays choose it. */
export type Clock = () => Date

/** Whole seconds since the epoch, the unit of JWT NumericDate (RFC 7519 §2). */
export function epochSeconds(at: Date): number {
  return Math.floor(at.getTime() / 1000)
}

/** RFC 3339 in UTC without fractions: the form that Tekton and metav1.Time accept. */
export function rfc3339(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`
}
