import type { AuthorizeRequest, RunReference } from '../broker.ts'
import type { HeldSecret, MadeSecret } from './held-secret.ts'

/** Secrets to make, each for the request at its place, owned by the run. */
export interface ToMake {
  readonly reserved: readonly HeldSecret[]
  readonly requests: readonly AuthorizeRequest[]
  readonly run: RunReference
}

/** One of the Secrets that the status notes, and what to ask for again. */
export interface ToRenew {
  readonly secret: MadeSecret
  readonly held: readonly HeldSecret[]
  readonly request: AuthorizeRequest
}

/** Secrets to delete, and what the status notes afterwards. */
export interface ToRemove {
  readonly secrets: readonly HeldSecret[]
  readonly remaining: readonly HeldSecret[]
}
