import type { OAuthError } from '../oauth/vocabulary.ts'

/** What a reason means to the caller. */
export interface ProblemRow {
  readonly oauth: OAuthError
  readonly status: number
  readonly outcome: 'denied' | 'failed'
  /** Public sentence that says the mend. Only %x20-21 / %x23-5B / %x5D-7E (RFC 6749 §5.2), no final period. */
  readonly mend: string
}
