import type { Brand } from '../brand.ts'

/** A pod-bound ServiceAccount token whose signature, claims and liveness were checked. */
export interface WorkloadClaims {
  /** Name of the cluster's entry in the broker's configuration; an issuer URL alone does not identify a cluster. */
  readonly cluster: string
  readonly namespace: string
  readonly serviceAccount: { readonly name: string; readonly uid: string }
  readonly pod: { readonly name: string; readonly uid: string }
  readonly node: { readonly name: string; readonly uid?: string } | undefined
  /** `jti` of the subject token, which Kubernetes audit logs as `JTI=<uuid>`. */
  readonly credentialId: string
  readonly issuedAt: Date
  readonly expiresAt: Date
  /** Whether the API server was asked if the token's pod still exists. */
  readonly revocationCheck: 'token-review' | 'none'
}

/** Made by `broker/identity/verify.ts` alone. */
export type Workload = Brand<WorkloadClaims, 'Workload'>

/** `system:serviceaccount:<namespace>:<name>`, the user name Kubernetes gives a ServiceAccount. */
export function serviceAccountUser(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`
}
