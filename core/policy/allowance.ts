import type { Brand } from '../brand.ts'
import type { ClusterTokenProviderSpec } from '../crd/cluster-token-provider.ts'
import type { TokenPolicySpec } from '../crd/token-policy.ts'
import type { Run } from '../identity/run.ts'
import type { ProblemReason } from '../problem.ts'

export interface Policy {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly generation: number
  readonly spec: TokenPolicySpec
}

export interface Provider {
  readonly name: string
  readonly uid: string
  readonly generation: number
  readonly spec: ClusterTokenProviderSpec
}

/**
 * Whom the token is for: the ServiceAccounts that RBAC and policy are asked about. One for a pod; for a CustomRun the
 * effective ServiceAccount of every task that the token goes into, and all of them must be allowed.
 */
export interface PolicySubject {
  readonly cluster: string
  readonly namespace: string
  readonly serviceAccounts: readonly string[]
}

/** RBAC's answer for one ServiceAccount and scope. */
export interface ScopeAccess {
  readonly serviceAccount: string
  readonly scope: string
  readonly resourceName: string
  readonly isAllowed: boolean
}

/** One candidate policy with all that was gathered about it. */
export interface PolicyFacts {
  readonly policy: Policy
  readonly provider: Provider | undefined
  /** The scopes that this request asks of this policy. */
  readonly scopes: readonly string[]
  readonly rbac: readonly ScopeAccess[]
}

/** What the decision rests on: gathered once, judged by pure rules. */
export interface Facts {
  readonly subject: PolicySubject
  readonly run: Run
  readonly request: {
    readonly policy: string | undefined
    readonly audience: string | undefined
    readonly scopes: readonly string[] | undefined
    readonly requestedExpirySeconds: number | undefined
    /** The token is to be put into a Secret; absent: it stays with who asks. */
    readonly deliver?: 'secret'
  }
  readonly candidates: readonly PolicyFacts[]
}

/** What a rule says. A refusal's `detail` is for operators and the audit record. */
export type Verdict =
  | { readonly rule: string; readonly isAllowed: true }
  | {
      readonly rule: string
      readonly isAllowed: false
      readonly reason: ProblemReason
      readonly detail: string
      /** The accounts that it refuses, where not all are. */
      readonly serviceAccounts?: readonly string[]
    }

export interface AllowanceFields {
  readonly subject: PolicySubject
  readonly run: Run
  readonly policy: Policy
  readonly provider: Provider
  readonly audience: string
  /** Sorted, distinct, never more than was asked. */
  readonly scopes: readonly string[]
  /** The smaller of the policy's ttl, the provider's limit and what was asked for. */
  readonly ttlSeconds: number
  readonly rbac: readonly ScopeAccess[]
  readonly verdicts: readonly Verdict[]
  /** What the other candidates said, where no policy was named. */
  readonly others: readonly { readonly name: string; readonly reason: string }[]
}

/** Policy and RBAC allow this; made by `evaluate.ts` alone. */
export type Allowance = Brand<AllowanceFields, 'Allowance'>
