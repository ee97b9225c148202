/** What a log line says of an error. */
export interface ErrorDescription {
  readonly name: string
  readonly message?: string
  readonly reason?: string
  readonly detail?: string
  readonly status?: number
  readonly code?: string
  readonly stack?: string
  readonly cause?: ErrorDescription
}

const maxCauses = 5

/**
 * Tells the fields of an error that are known to be harmless and never the rest: libraries hang requests, headers and
 * bodies on theirs. A value that is no Error is named by its type alone.
 */
export function describeError(error: unknown, depth = 0): ErrorDescription {
  if (!(error instanceof Error)) return { name: error === null ? 'null' : typeof error }
  return {
    name: error.name,
    message: error.message,
    ...text(error, 'reason'),
    ...text(error, 'detail'),
    ...status(error),
    ...text(error, 'code'),
    ...(depth === 0 && error.stack !== undefined ? { stack: error.stack } : {}),
    ...cause(error, depth),
  }
}

function text(error: Error, field: 'reason' | 'detail' | 'code'): Record<string, string> {
  const value: unknown = field in error ? Reflect.get(error, field) : undefined
  return typeof value === 'string' ? { [field]: value } : {}
}

function status(error: Error): { readonly status?: number } {
  return 'status' in error && typeof error.status === 'number' ? { status: error.status } : {}
}

function cause(error: Error, depth: number): { readonly cause?: ErrorDescription } {
  if (error.cause === undefined || depth >= maxCauses) return {}
  return { cause: describeError(error.cause, depth + 1) }
}
