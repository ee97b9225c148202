/** Where one token lies, as the step sees it. */
export interface TokenPlace {
  /** Directory of the token, such as `/tokenbroker/deploy-staging`. */
  readonly directory: string
  /** The key of the step's local API, such as `/tokenbroker/key`. */
  readonly keyFile: string
  /** The local API, such as `http://127.0.0.1:8099`. */
  readonly url: string
  /** Local name: the alias, else the policy. */
  readonly name: string
}

/** What a provider gives: a token for an `Authorization` header or an assertion, or a set of AWS credentials. */
export type IssuedKind = 'bearer' | 'aws-credentials'

/** What a token is for. Forms find the host in the audience, and the cloud's role or identity among the scopes. */
export interface FormTarget {
  readonly audience: string
  readonly scopes: readonly string[]
}

/** Whom a form is for: the token's target, what its provider gives, and what the step says itself. */
export interface FormCase extends FormTarget {
  /** Undefined where nobody knows. */
  readonly issued: IssuedKind | undefined
  /** Names of the variables that the step sets itself. */
  readonly ownVariables: ReadonlySet<string>
}

/** A token on its way into a file. */
export interface FormToken extends FormTarget {
  readonly text: string
  readonly place: TokenPlace
}

/** A clause that says why a form cannot be right, and the mend; holds no value but hosts and audiences. */
export type FormComplaint = string

/** How unmodified tools find a token: a file beside it, and variables that name paths, never a token. */
export interface Form {
  /** What the sidecar writes beside `token`; absent where `token` itself or the local API is what the tool reads. */
  readonly file?: FormFile
  /** Undefined: the form can be right. */
  readonly judge: (subject: FormCase) => FormComplaint | undefined
  readonly env: (place: TokenPlace, subject: FormCase) => Readonly<Record<string, string>>
  /** Settings for git, numbered behind those that the step has already (`GIT_CONFIG_COUNT`). */
  readonly gitConfig?: (place: TokenPlace, target: FormTarget) => readonly (readonly [key: string, value: string])[]
}

export interface FormFile {
  readonly name: string
  /** Longest token that the tool reads from such a file, in bytes. */
  readonly maxTokenBytes?: number
  /** @returns undefined where this target needs no file */
  readonly render: (token: FormToken) => string | undefined
}
