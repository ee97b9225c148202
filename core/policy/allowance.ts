import type { Brand } from '../brand.ts'
import type { ClusterTokenProviderSpec } from '../crd/cluster-token-provider.ts'
import type { TokenPolicySpec } from '../crd/token-policy.ts'
import type { Run } from '../identity/run.ts'
import type { ProblemReason } from '../problem.ts'
import type { ProviderLifetime } from './lifetime.ts'

/** A CEL expression of a policy, compiled when the policy was read. */
export interface CompiledValidation {
  readonly name: string
  /** The policy author's sentence with the mend. */
  readonly message: string
  /** Steps that one evaluation takes at most, from its text. */
  readonly cost: number
  /** Why the text is no expression; it then refuses everything. */
  readonly problem?: string
  /** @returns `error` where it cannot be evaluated, such as for a member that is absent; then it refuses */
  check(variables: Readonly<Record<string, unknown>>): 'true' | 'false' | 'error'
}

export interface Policy {
  /** A ClusterTokenPolicy stands in every namespace that it selects; `namespace` is then that namespace. */
  readonly kind: 'TokenPolicy' | 'ClusterTokenPolicy'
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly generation: number
  /** Hex SHA-256 of the canonical JSON of its spec, as the API server has it. */
  readonly digest?: string
  readonly spec: TokenPolicySpec
  readonly validations: readonly CompiledValidation[]
}

export interface Provider {
  readonly name: string
  readonly uid: string
  readonly generation: number
  readonly spec: ClusterTokenProviderSpec
  /** What its kind of issuer can do; absent where nothing restricts it. */
  readonly lifetime?: ProviderLifetime
}

/**
 * Whom the token is for: the ServiceAccounts that RBAC and policy are asked about. One for a pod; for a CustomRun the
 * effective ServiceAccount of every task that the token goes into, and all of them must be allowed.
 */
export interface PolicySubject {
  readonly cluster: string
  readonly namespace: string
  /** Labels of the namespace; undefined where they are not known, and no selector then matches. */
  readonly namespaceLabels: Readonly<Record<string, string>> | undefined
  readonly serviceAccounts: readonly string[]
  /** Those of them that a person suspended; absent: none. */
  readonly suspendedAccounts?: readonly string[]
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

/** Why a request counts as that of an automated agent. */
export interface AgentFacts {
  /** Who says so. Each can only add restrictions. */
  readonly namedBy: 'configuration' | 'provider' | 'policy' | 'event' | 'annotation'
}

/** A question to people: so many of these groups have to say yes. */
export interface ApprovalNeed {
  /** Undefined: whoever has the verbs. */
  readonly groups: readonly string[] | undefined
  readonly required: number
  readonly expiresAfterSeconds: number
  /** What asks for it, for the record. */
  readonly askedBy: 'policy' | 'provider' | 'agents'
}

/** What the decision rests on: gathered once, judged by pure rules. */
export interface Facts {
  readonly subject: PolicySubject
  readonly run: Run
  /** Named as an agent by the broker's configuration; provider and policy may name it too. */
  readonly agent: AgentFacts | undefined
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
      /** Public sentence in place of the reason's own, such as the message of a validation. */
      readonly mend?: string
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
  /** Who has to say yes before anything is issued; empty: nobody. */
  readonly approvals: readonly ApprovalNeed[]
  /** Set where the narrower rules for agents applied. */
  readonly agent: AgentFacts | undefined
  readonly rbac: readonly ScopeAccess[]
  readonly verdicts: readonly Verdict[]
  /** What the other candidates said, where no policy was named. */
  readonly others: readonly { readonly name: string; readonly reason: string }[]
}

/** Policy and RBAC allow this; made by `evaluate.ts` alone. */
export type Allowance = Brand<AllowanceFields, 'Allowance'>
