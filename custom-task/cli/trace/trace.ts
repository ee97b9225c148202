/** From what caused a run to what became of its tokens; with `-o json` as it stands here. */
export interface Trace {
  readonly event?: TracedEvent | undefined
  readonly initiator?: TracedInitiator | undefined
  readonly run: TracedRun
  readonly approvals: readonly TracedApproval[]
  readonly workloads: readonly TracedWorkload[]
  readonly ends: readonly TracedEnd[]
}

export interface TracedEvent {
  readonly id?: string | undefined
  readonly received_at?: string | undefined
  readonly sender?: string | undefined
  readonly sender_kind?: string | undefined
  readonly kind?: string | undefined
  readonly ref?: string | undefined
  readonly login?: string | undefined
  readonly event_listener?: string | undefined
  readonly trigger?: string | undefined
  /** False where only labels of the run say so. */
  readonly is_verified: boolean
}

export interface TracedInitiator {
  readonly name: string
  readonly from?: string | undefined
  readonly is_proved: boolean
}

export interface TracedRun {
  readonly kind: 'PipelineRun' | 'TaskRun' | 'CustomRun' | 'Pod'
  readonly cluster?: string | undefined
  readonly namespace: string
  readonly name: string
  readonly uid?: string | undefined
  readonly pipeline?: string | undefined
  readonly source?:
    | {
        readonly uri?: string | undefined
        readonly digest?: string | undefined
        readonly entry_point?: string | undefined
        readonly revision?: string | undefined
      }
    | undefined
  readonly assurance: string
  /** The first step of the walk that is a claim only, where the run is not verified. */
  readonly claim?: { readonly hop?: string | undefined; readonly detail?: string | undefined } | undefined
}

export interface TracedApproval {
  readonly name: string
  readonly asked_at?: string | undefined
  readonly expires_at?: string | undefined
  readonly requirements: readonly {
    readonly groups?: readonly string[] | undefined
    readonly required?: number | undefined
  }[]
  readonly decisions: readonly {
    readonly by?: string | undefined
    readonly verdict?: string | undefined
    readonly comment?: string | undefined
  }[]
  /** Undefined while nobody has decided. */
  readonly verdict?: string | undefined
  readonly decided_at?: string | undefined
}

export interface TracedWorkload {
  readonly kind: 'TaskRun' | 'CustomRun' | 'Pod'
  readonly name?: string | undefined
  readonly task?: string | undefined
  readonly pod?: string | undefined
  readonly service_account?: string | undefined
  readonly exchanges: readonly TracedExchange[]
}

export interface TracedExchange {
  readonly id?: string | undefined
  readonly time: string
  readonly outcome: string
  readonly reason?: string | undefined
  readonly detail?: string | undefined
  /** Only its name where the request named one that was not found. */
  readonly policy?:
    | {
        readonly kind?: string | undefined
        readonly namespace?: string | undefined
        readonly name?: string | undefined
        readonly generation?: number | undefined
      }
    | undefined
  readonly scope: readonly string[]
  readonly audience?: string | undefined
  readonly token?: TracedToken | undefined
}

export interface TracedToken {
  readonly jti: string
  readonly expires_at?: string | undefined
  readonly revoked?:
    | { readonly time: string; readonly reason?: string | undefined; readonly by?: string | undefined }
    | undefined
}

export interface TracedEnd {
  readonly time: string
  readonly reason?: string | undefined
  readonly by?: string | undefined
  readonly revoked_count?: number | undefined
  readonly closed_authorizations?: number | undefined
}
