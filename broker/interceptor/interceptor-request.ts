import { z } from 'zod'

/** Longest body of an event that is looked at, in UTF-16 units. */
export const maxEventBody = 1024 * 1024

const headerValues = z.array(z.string().max(16_384)).max(16)

/** What Tekton's sink sends. @see Tekton Triggers `pkg/apis/triggers/v1beta1/interceptor_types.go` */
const interceptorRequest = z.object({
  body: z.string().max(maxEventBody),
  header: z.record(z.string().max(256), headerValues).nullish(),
  interceptor_params: z.strictObject({ sender: z.string().max(253).optional() }).nullish(),
  context: z.object({
    event_id: z.string().regex(/^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/),
    trigger_id: z.string().max(1024),
  }),
})

/** An event as an EventListener passes it on, with nothing proved yet. */
export interface Delivery {
  /** The raw body, byte for byte; the sink decodes no charset. */
  readonly body: string
  /** The value of a header; undefined also where it came more than once, as then nobody knows which was meant. */
  readonly header: (name: string) => string | undefined
  /** Sender that the trigger's interceptor names in its params. */
  readonly senderName: string | undefined
  readonly eventId: string
  readonly trigger: { readonly namespace: string; readonly name: string } | undefined
}

/** @returns undefined when it is not what the contract says */
export function parseInterceptorRequest(value: unknown): Delivery | undefined {
  const parsed = interceptorRequest.safeParse(value)
  if (!parsed.success) return undefined
  const { body, header, interceptor_params: params, context } = parsed.data
  const values = Object.groupBy(Object.entries(header ?? {}), ([name]) => name.toLowerCase())
  return {
    body,
    header(name) {
      const [only, ...others] = (values[name.toLowerCase()] ?? []).flatMap(([, texts]) => texts)
      return others.length > 0 ? undefined : only
    },
    senderName: params?.sender,
    eventId: context.event_id,
    trigger: parseTriggerId(context.trigger_id),
  }
}

function parseTriggerId(text: string): Delivery['trigger'] {
  const [, namespace, name] = /^namespaces\/([^/]+)\/triggers\/([^/]+)$/.exec(text) ?? []
  return namespace === undefined || name === undefined ? undefined : { namespace, name }
}
