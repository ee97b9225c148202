import type { Clock } from '../../core/clock.ts'
import type { Fresh } from '../../core/io/fresh.ts'
import type { Secret } from '../../core/secret.ts'
import type { InterceptorConfig, SenderConfig, TriggerConfig } from './config.ts'
import type { Delivery } from './interceptor-request.ts'
import { type EventRefusal, refuseEvent } from './refusal.ts'
import { createSenderSecrets } from './sender-secrets.ts'

/** A sender of the configuration, with its secrets. */
export interface Sender {
  readonly config: SenderConfig
  readonly secrets: Fresh<readonly Secret[]>
}

/** A sender that may speak for a trigger. */
export interface Bound {
  readonly kind: 'bound'
  readonly sender: Sender
  readonly trigger: TriggerConfig
}

export interface Senders {
  readonly all: readonly Sender[]
  /** Who an event says that it is from, held against the configuration: no event decides for itself which trigger it starts. */
  ofDelivery(delivery: Pick<Delivery, 'trigger' | 'senderName'>): Bound | EventRefusal
}

interface Deps {
  readonly clock: Clock
  /** Told of secrets that cannot be read any more, while the last good ones stay. */
  readonly onError: (error: unknown, sender: string) => void
}

export function createSenders({ senders }: Pick<InterceptorConfig, 'senders'>, { clock, onError }: Deps): Senders {
  const all = senders.map((config): Sender => {
    const isStandard = config.kind === 'gitlab' || config.kind === 'standard-webhooks'
    const options = { isStandard, clock, onError: (error: unknown) => onError(error, config.name) }
    return { config, secrets: createSenderSecrets(config.secretDirectory, options) }
  })
  const byTrigger = Map.groupBy(all.flatMap(boundTriggers), ({ trigger }) => triggerKey(trigger))

  return Object.freeze({
    all,
    ofDelivery({ trigger, senderName }: Pick<Delivery, 'trigger' | 'senderName'>) {
      const bound = (trigger && byTrigger.get(triggerKey(trigger))) ?? []
      const named = bound.filter(({ sender }) => senderName === undefined || sender.config.name === senderName)
      const [only, ...others] = named
      if (only === undefined) return unknown
      return others.length > 0 ? ambiguous : only
    },
  })
}

function boundTriggers(sender: Sender): readonly Bound[] {
  return sender.config.triggers.map((trigger) => ({ kind: 'bound', sender, trigger }))
}

function triggerKey({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`
}

const unknown = refuseEvent(
  'event_sender_unknown',
  'No such sender may start this trigger: name the trigger in interceptor.senders[].triggers of the broker, and put the interceptor into a trigger, not into a group of them',
)
const ambiguous = refuseEvent(
  'event_sender_unknown',
  'Several senders may start this trigger: name one in the param sender of the interceptor',
)
