import { isIP } from 'node:net'
import { isAbsolute, normalize } from 'node:path'
import * as z from 'zod/mini'
import { isLoopback } from '../../core/io/loopback.ts'
import { scopeTokenPattern } from '../../core/oauth/vocabulary.ts'
import { presetNames } from '../presets.ts'

const objectName = z.string().check(z.maxLength(253), z.regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/))
const reservedNames: readonly string[] = ['key', 'sidecar.sock']
const localName = objectName.check(z.refine((name) => !reservedNames.includes(name)))

const path = z.string().check(
  z.maxLength(4096),
  z.refine((text) => isAbsolute(text) && normalize(text) === text),
)

/** A Unix socket's path ends at 107 bytes, `/sidecar.sock` takes 13. */
const directory = path.check(z.refine((text) => Buffer.byteLength(text) <= 94))

const brokerUrl = z.string().check(z.maxLength(2048), z.refine(isBrokerUrl))

/** A host (empty for every address) and a port. */
export interface ListenAddress {
  readonly address: string
  readonly port: number
}

const address = z.pipe(
  z.string(),
  z.transform((text, context): ListenAddress => {
    const parsed = parseAddress(text)
    if (parsed !== undefined) return parsed
    context.issues.push({ code: 'custom', input: text, message: 'address' })
    return z.NEVER
  }),
)

const loopbackAddress = address.check(
  z.refine(({ address }) => isLoopback(address === '::1' ? '[::1]' : address) && address !== 'localhost'),
)

const policyObject = z.strictObject({
  policy: objectName,
  alias: z.optional(localName),
  audience: z.optional(z.string().check(z.maxLength(512), z.regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/))),
  scope: z.optional(
    z.array(z.string().check(z.maxLength(128), z.regex(scopeTokenPattern))).check(z.minLength(1), z.maxLength(64)),
  ),
  optional: z._default(z.boolean(), false),
  as: z.optional(z.array(z.enum(presetNames)).check(z.minLength(1), z.refine(isDistinct))),
})

const policyEntry = z.pipe(
  z.transform((entry: unknown) => (typeof entry === 'string' ? splitAlias(entry) : entry)),
  policyObject.check(
    z.refine((entry) => entry.alias !== undefined || !reservedNames.includes(entry.policy)),
    z.refine((entry) => entry.as === undefined || entry.audience !== undefined, { path: ['audience'] }),
  ),
)

const step = z.strictObject({
  directory: z._default(directory, '/tokenbroker'),
  mountPath: z._default(path, '/tokenbroker'),
  policies: z.array(policyEntry).check(
    z.minLength(1),
    z.maxLength(64),
    z.refine((all) => isDistinct(all.map((one) => one.alias ?? one.policy))),
  ),
})

/** The configuration file; its fields are described in `config-fields.ts`. */
export const configSchema = z.strictObject({
  broker: z
    .strictObject({
      url: brokerUrl,
      ca: z.optional(z.string().check(z.maxLength(262_144), z.regex(/-----BEGIN CERTIFICATE-----/))),
      caFile: z.optional(path),
      tokenFile: z._default(path, '/var/run/secrets/tokenbroker/token'),
    })
    .check(z.refine((broker) => broker.ca === undefined || broker.caFile === undefined, { path: ['ca'] })),
  listen: z._default(loopbackAddress, { address: '127.0.0.1', port: 8099 }),
  health: z._default(address, { address: '', port: 8098 }),
  volume: z.optional(directory),
  messageFile: z.optional(path),
  steps: z.array(step).check(
    z.minLength(1),
    z.maxLength(64),
    z.refine((all) => isDistinct(all.map((one) => one.directory))),
  ),
})

export type SidecarConfig = z.infer<typeof configSchema>
export type StepConfig = SidecarConfig['steps'][number]
export type PolicyConfig = StepConfig['policies'][number]

function isBrokerUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.search + url.hash + url.username + url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}

/** `127.0.0.1:8099`, `[::1]:8099` or `:8099`; port 0 takes a free one. */
function parseAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]*)):(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  const host = match[1] ?? match[2] ?? ''
  const port = Number(match[3])
  return port <= 65_535 && (host === '' || isIP(host) !== 0) ? { address: host, port } : undefined
}

/** `policy` or `alias=policy`, as in the annotation `tokenbroker.dev/inject`. */
function splitAlias(text: string): { readonly policy: string; readonly alias?: string } {
  const at = text.indexOf('=')
  return at < 0 ? { policy: text } : { alias: text.slice(0, at), policy: text.slice(at + 1) }
}

function isDistinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length
}
