/**
 * Whether the admission policies that make provenance unforgeable are in force in one cluster, and since when.
 *
 * @see docs/guides/provenance.md
 */
export interface AdmissionGuard {
  /**
   * Every object of a walk has to be younger than this to be `verified`; undefined where nothing is.
   *
   * @param namespace of the run: exec into pods is refused only where the platform team asked for it
   */
  verifiedSince(namespace: string): Date | undefined
  /** Why nothing in this namespace is verified, one sentence for operators; empty where it may be. */
  why(namespace: string): string
}

/** The guard of a cluster whose configuration names no admission policies. */
export const noAdmissionGuard: AdmissionGuard = Object.freeze({
  verifiedSince: () => undefined,
  why: () => 'the configuration of the cluster names no admission policies',
})
