import { Secret } from '../secret.ts'

/** Parameters of a form, in order; credentials stay `Secret` until they are written to the socket. */
export type HttpForm = URLSearchParams | readonly (readonly [name: string, value: string | Secret])[]

/** Header fields; a credential (`Authorization`) goes in as a `Secret`. Names in lower case. */
export type HttpFields = Readonly<Record<string, string | Secret>>

/** The edge where the credentials of a form are revealed. */
export function encodeForm(form: HttpForm): string {
  if (form instanceof URLSearchParams) return form.toString()
  return new URLSearchParams(form.map(([name, value]) => [name, plain(value)])).toString()
}

/** The edge where the credentials of header fields are revealed. */
export function revealFields(fields: HttpFields): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)]))
}

function plain(value: string | Secret): string {
  return value instanceof Secret ? value.reveal() : value
}
