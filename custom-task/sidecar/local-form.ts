import { grantTypes, scopeTokenPattern } from '../../core/oauth/vocabulary.ts'
import { Secret } from '../../core/secret.ts'
import { badRequest, type LocalRefusal, refuse } from './local-refusal.ts'

/** A client-credentials request as it came; absent where the parameter was absent. @see RFC 6749 §4.4.2 */
export interface LocalForm {
  readonly kind: 'form'
  readonly clientId: string | undefined
  readonly clientSecret: Secret | undefined
  readonly audience: string | undefined
  /** Distinct and sorted. */
  readonly scope: readonly string[] | undefined
  readonly minTtlSeconds: number
}

const formType = 'application/x-www-form-urlencoded'
const contentTypePattern = /^application\/x-www-form-urlencoded(?:\s*;\s*charset="?utf-8"?)?$/i
const parameters = ['grant_type', 'client_id', 'client_secret', 'scope', 'audience', 'resource', 'min_ttl'] as const
type Parameter = (typeof parameters)[number]

const malformed = badRequest('The form is malformed: percent-encoded UTF-8, no empty values')

const maxMinTtlSeconds = 86_400

/** The form is what it says it is. */
export function isFormContent(contentType: string | undefined): boolean {
  return contentType === formType || (contentType !== undefined && contentTypePattern.test(contentType))
}

/** Reads the body. Nothing is dropped in silence: a parameter that we do not know is an error, as it may be a typo. */
export function readLocalForm(body: string): LocalForm | LocalRefusal {
  // Urlencoded text is ASCII; what is beyond it is percent-encoded, or this is no such text.
  if (!/^[\x21-\x7e]*$/.test(body)) return malformed
  const values = readValues(body)
  if (!(values instanceof Map)) return values
  const grantType = values.get('grant_type')
  if (grantType === undefined) return badRequest('grant_type is missing: it is client_credentials')
  if (grantType !== grantTypes.clientCredentials) {
    return refuse(400, 'unsupported_grant_type', 'The only grant type here is client_credentials')
  }
  if (values.has('audience') && values.has('resource')) return badRequest('Send audience or resource, not both')
  const scope = readScope(values.get('scope'))
  if (scope === null) return refuse(400, 'invalid_scope', 'The scope is malformed: distinct names, single spaces')
  const minTtlSeconds = readMinTtl(values.get('min_ttl'))
  if (minTtlSeconds === undefined) return badRequest('min_ttl is a number of seconds from 0 to 86400')
  const secret = values.get('client_secret')
  return {
    kind: 'form',
    clientId: values.get('client_id'),
    clientSecret: secret === undefined ? undefined : new Secret(secret),
    audience: values.get('audience') ?? values.get('resource'),
    scope,
    minTtlSeconds,
  }
}

function readValues(body: string): Map<Parameter, string> | LocalRefusal {
  const values = new Map<Parameter, string>()
  for (const pair of body.split('&')) {
    const at = pair.indexOf('=')
    const name = decode(at < 0 ? pair : pair.slice(0, at))
    const value = decode(at < 0 ? '' : pair.slice(at + 1))
    if (name === undefined || value === undefined || value === '') {
      return malformed
    }
    if (!isParameter(name)) return badRequest(`The form has an unknown parameter: known are ${parameters.join(', ')}`)
    if (values.has(name)) return badRequest(`${name} is repeated: send it once`)
    values.set(name, value)
  }
  return values
}

function isParameter(name: string): name is Parameter {
  return (parameters as readonly string[]).includes(name)
}

/** @see https://url.spec.whatwg.org/#urlencoded-parsing, but what is no UTF-8 is an error and no replacement sign */
export function decode(text: string): string | undefined {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

function readScope(text: string | undefined): readonly string[] | undefined | null {
  if (text === undefined) return undefined
  const scope = text.split(' ')
  const isValid = scope.every((one) => scopeTokenPattern.test(one)) && new Set(scope).size === scope.length
  return isValid ? scope.sort() : null
}

function readMinTtl(text: string | undefined): number | undefined {
  if (text === undefined) return 0
  const seconds = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  return seconds <= maxMinTtlSeconds ? seconds : undefined
}
