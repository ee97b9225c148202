import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Answer, exchange, type Place } from './wire.ts'

/** The sidecar under test, seen from outside. */
export interface Subject {
  /** `127.0.0.1:8099`: what `Host` has to be. */
  readonly authority: string
  readonly tcp: { readonly host: string; readonly port: number }
  /** `$TOKENBROKER_DIR` of one step. */
  readonly directory: string
  /** A policy of that step that has its token: name of its directory, and client id. */
  readonly policy: string
  readonly signal: AbortSignal
}

export type Field = readonly [name: string, value: string]

/** What a request has in the place of what a good one has. */
export interface Changes {
  readonly method?: string
  readonly target?: string
  /** Instead of the right one; several for a request that repeats it; none for a request without. */
  readonly hosts?: readonly string[]
  /** Value of `Authorization`; null for none. Default: Basic with policy and key. */
  readonly authorization?: string | null
  /** Null for none. */
  readonly contentType?: string | null
  readonly fields?: readonly Field[]
  readonly body?: string
}

export const formType = 'application/x-www-form-urlencoded'
export const goodForm = 'grant_type=client_credentials'

/** The key, read anew for each request as a client has to. */
export async function readKey(subject: Subject): Promise<string> {
  return await readFile(join(subject.directory, 'key'), 'utf8')
}

export function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
}

/** Text of a request that is good but for the changes. */
export async function requestText(subject: Subject, changes: Changes = {}): Promise<string> {
  const { method = 'POST', target = '/token', hosts = [subject.authority], body = goodForm } = changes
  const { contentType = formType, fields = [] } = changes
  const { authorization = basic(subject.policy, await readKey(subject)) } = changes
  const length: readonly Field[] = fields.some(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name))
    ? []
    : [['Content-Length', String(Buffer.byteLength(body, 'latin1'))]]
  const all: readonly Field[] = [
    ...hosts.map((host): Field => ['Host', host]),
    ...(authorization === null ? [] : [['Authorization', authorization] as const]),
    ...(contentType === null ? [] : [['Content-Type', contentType] as const]),
    ...fields,
    ...length,
  ]
  return `${method} ${target} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

/** Sends one request over TCP, or to another place. @throws NoAnswer */
export async function ask(subject: Subject, changes: Changes = {}, place: Place = subject.tcp): Promise<Answer> {
  const [answer] = await exchange(place, await requestText(subject, changes), { signal: subject.signal })
  if (answer === undefined) throw new TypeError('an exchange gives what was asked for')
  return answer
}

/** An answer's JSON, or an empty object. */
export function json({ body }: Answer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  } catch {
    return {}
  }
}
