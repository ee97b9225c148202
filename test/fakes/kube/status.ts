import type { ApiResource } from './resources.ts'

export interface StatusCause {
  readonly reason?: string
  readonly message: string
  readonly field?: string
}

interface StatusDetails {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly StatusCause[]
  readonly retryAfterSeconds?: number
}

/** A refusal of the API server; its body is a `metav1.Status`. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: number
  readonly reason: string
  readonly details: StatusDetails | undefined

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message)
    this.code = code
    this.reason = reason
    this.details = details
  }

  body(): object {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    }
  }
}

/** `pods` or `taskruns.tekton.dev`. */
function qualified(resource: ApiResource): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
}

function detailsOf(resource: ApiResource, name: string): StatusDetails {
  return { name, ...(resource.group === '' ? {} : { group: resource.group }), kind: resource.plural }
}

export function notFound(resource: ApiResource, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${qualified(resource)} "${name}" not found`, detailsOf(resource, name))
}

/** The path names nothing that is served. */
export function pathNotFound(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {})
}

export function alreadyExists(resource: ApiResource, name: string): ApiError {
  const message = `${qualified(resource)} "${name}" already exists`
  return new ApiError(409, 'AlreadyExists', message, detailsOf(resource, name))
}

export function conflict(resource: ApiResource, name: string, why?: string): ApiError {
  const cause = why ?? 'the object has been modified; please apply your changes to the latest version and try again'
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${cause}`
  return new ApiError(409, 'Conflict', message, detailsOf(resource, name))
}

export function forbidden(resource: ApiResource, name: string, why: string): ApiError {
  const subject = name === '' ? qualified(resource) : `${qualified(resource)} "${name}"`
  return new ApiError(403, 'Forbidden', `${subject} is forbidden: ${why}`, detailsOf(resource, name))
}

/** One reason why an object is no valid value of its kind. */
export interface FieldError {
  readonly field: string
  readonly message: string
  readonly reason?: 'FieldValueInvalid' | 'FieldValueRequired' | 'FieldValueForbidden' | 'FieldValueNotSupported'
}

export function invalid(resource: ApiResource, name: string, errors: readonly FieldError[]): ApiError {
  const causes = errors.map(({ field, message, reason = 'FieldValueInvalid' }) => ({ reason, message, field }))
  const texts = causes.map((cause) => `${cause.field}: ${cause.message}`)
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`
  const kind = resource.group === '' ? resource.kind : `${resource.kind}.${resource.group}`
  return new ApiError(422, 'Invalid', `${kind} "${name}" is invalid: ${list}`, {
    name,
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.kind,
    causes,
  })
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message)
}

/** A refusal by Tekton's admission webhook, which answers 400 in this form. */
export function webhookDenied(webhook: 'defaulting' | 'validation', message: string): ApiError {
  const name = webhook === 'validation' ? 'validation.webhook.pipeline.tekton.dev' : 'webhook.pipeline.tekton.dev'
  return badRequest(`admission webhook "${name}" denied the request: ${message}`)
}

export function unauthorized(): ApiError {
  return new ApiError(401, 'Unauthorized', 'Unauthorized')
}

export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message)
}
