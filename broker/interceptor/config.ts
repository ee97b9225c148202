import { z } from 'zod'
import { name } from '../../core/crd/fields.ts'

const headerName = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9-]+$/, 'expected the name of an HTTP header')
const scalarName = z
  .string()
  .max(32)
  .regex(/^[a-z][A-Za-z0-9]*$/, 'expected a name in camelCase, such as environment')
const pointer = z
  .string()
  .max(256)
  .regex(/^(?:\/(?:[^~/]|~[01])*)+$/, 'expected a JSON pointer (RFC 6901), such as /deployment/environment')

const trigger = z.strictObject({
  namespace: name.describe('Namespace of the Trigger, or of the EventListener that holds it inline.'),
  name: name.describe('Name of the trigger: its own, or that of its entry in spec.triggers.'),
  eventListener: z
    .strictObject({
      namespace: name.optional().describe('Namespace of the EventListener. Default: that of the trigger.'),
      name: name.describe('Name of the EventListener.'),
    })
    .describe('EventListener that the trigger belongs to; policies name it in runs.eventListeners.'),
  runNamespaces: z
    .array(name)
    .min(1)
    .max(256)
    .optional()
    .describe('Namespaces in which its runs are made. Default: that of the trigger.'),
})

const sender = {
  name: name.describe('Name of the sender, in records and in the param sender of an interceptor.'),
  secretDirectory: z
    .string()
    .max(4096)
    .refine((text) => text.startsWith('/'), 'expected an absolute path')
    .describe(
      'Directory with its secrets, such as a mounted Secret: each file is one, of 16 to 1024 characters; any of at most 4 is good, so that they can be rotated. Read again after 10 s.',
    ),
  triggers: z.array(trigger).min(1).max(1024).describe('Triggers that its events may start. No event names another.'),
  fields: z
    .record(scalarName, pointer)
    .refine((fields) => Object.keys(fields).length <= 32, 'at most 32 fields')
    .default({})
    .describe('More fields for policies (event.<name>), as JSON pointers into the body: texts, numbers, booleans.'),
}

/** A person is named by what is signed, or not at all. */
const loginMap = z
  .record(z.string().min(1).max(256), z.string().min(1).max(256))
  .default({})
  .describe('People by their login at the sender: user names as Kubernetes knows them. Such a person is run.initiator.')

const hmac = z
  .strictObject({
    header: headerName.describe('Header with the signature.'),
    prefix: z.string().max(32).default('').describe('Text before the signature, such as sha256=.'),
    algorithm: z.enum(['sha256', 'sha512']).default('sha256').describe('Hash of the HMAC (RFC 2104).'),
    encoding: z.enum(['hex', 'base64']).default('hex').describe('Encoding of the signature.'),
    content: z
      .string()
      .max(64)
      .default('{body}')
      .refine((text) => text.split('{body}').length === 2, 'expected {body} just once')
      .describe('What is signed, with {body} and {timestamp}, such as {timestamp}.{body}.'),
    timestampHeader: headerName.optional().describe('Header with the time of signing, in seconds since 1970.'),
    toleranceSeconds: z.int().min(1).max(3600).default(300).describe('How old, or how far ahead, that time may be.'),
  })
  .refine(
    ({ content, timestampHeader }) => content.includes('{timestamp}') === (timestampHeader !== undefined),
    'timestampHeader and {timestamp} in content go together: a time that is not signed proves nothing',
  )
  .describe('How the sender signs.')

const senderOf = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('github'), ...sender, loginMap }),
  z.strictObject({ kind: z.literal('gitlab'), ...sender, loginMap }),
  z.strictObject({ kind: z.literal('gitlab-token'), ...sender }),
  z.strictObject({ kind: z.literal('standard-webhooks'), ...sender, loginMap }),
  z.strictObject({ kind: z.literal('hmac'), ...sender, loginMap, hmac }),
])

const isDistinct = (texts: readonly string[]) => new Set(texts).size === texts.length

/** Whose events may start which triggers: `interceptor` of the broker's configuration. */
export const interceptorConfig = z
  .strictObject({
    cluster: name
      .optional()
      .describe('Cluster of the EventListeners, by its name in clusters; required where there are several.'),
    senders: z
      .array(senderOf)
      .max(256)
      .refine((all) => isDistinct(all.map((one) => one.name)), 'two senders have one name')
      .describe(
        'Senders of events. kind github: X-Hub-Signature-256. gitlab: its signing token (GitLab 19.1 and later). gitlab-token: X-Gitlab-Token, which signs nothing. standard-webhooks: as that specification says. hmac: as its hmac says.',
      ),
  })
  .describe('Who may send events to Tekton triggers; answered on listeners.interceptor.')

export type InterceptorConfig = z.output<typeof interceptorConfig>
export type SenderConfig = InterceptorConfig['senders'][number]
export type TriggerConfig = SenderConfig['triggers'][number]
