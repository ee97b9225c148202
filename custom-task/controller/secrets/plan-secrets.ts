import { succeeded } from '../../../core/tekton/fields.ts'
import { hasRunEnded, type Observed } from '../observed.ts'
import { paramsOf, requestsOf } from '../requests.ts'
import type { Step } from '../step.ts'
import { type HeldSecret, heldSecrets, isMade, type MadeSecret } from './held-secret.ts'
import { withoutRenewal } from './made-secret.ts'

/** What stands between the broker's yes and a CustomRun that is done: the Secrets, one for each policy. */
export type Delivery =
  | { readonly kind: 'none' }
  | { readonly kind: 'due'; readonly steps: readonly Step[] }
  | { readonly kind: 'made'; readonly secrets: readonly MadeSecret[] }

/**
 * First names are noted in the status, then the Secrets are made under them, then the status says that the run goes on:
 * so a Secret is there before its consumer's pod, and none is there that the status does not name. Pure.
 */
export function planDelivery(observed: Observed): Delivery {
  if (paramsOf(observed).deliver !== 'secret') return { kind: 'none' }
  const { delivered } = observed.attempt
  if (delivered !== undefined) return { kind: 'made', secrets: delivered }
  const policies = requestsOf(observed).map(({ policy }) => policy)
  const reserved = heldSecrets(observed.customRun)
  const isReserved = reserved.length === policies.length && reserved.every((one, at) => one.policy === policies[at])
  if (!isReserved) return { kind: 'due', steps: [{ kind: 'reserve-secrets', policies }] }
  const requests = requestsOf(observed)
  return { kind: 'due', steps: [{ kind: 'make-secrets', reserved, requests, run: runOf(observed) }] }
}

/**
 * What is to become of the Secrets of a CustomRun that is done or being deleted: renewed while their consumers run,
 * deleted at their expiry, when the run ends, and at once where the CustomRun failed. Pure.
 */
export function planSecrets(observed: Observed, now: Date): readonly Step[] {
  const held = heldSecrets(observed.customRun)
  if (held.length === 0) return []
  const isOver = hasRunEnded(observed.owner) || succeeded(observed.customRun.status.conditions)?.status !== 'True'
  const gone = held.filter((one) => isOver || !isMade(one) || Date.parse(one.expiresAt) <= now.getTime())
  if (gone.length > 0) {
    return [{ kind: 'delete-secrets', secrets: gone, remaining: held.filter((one) => !gone.includes(one)) }]
  }
  const due = held.find((one) => isRenewalDue(one, now))
  if (due !== undefined) return [planRenewal(observed, held, due)]
  const wakes = held.map((one) => Date.parse(one.renewAt ?? one.expiresAt ?? ''))
  return [{ kind: 'requeue', afterMs: Math.max(1, Math.min(...wakes) - now.getTime()) }]
}

/** Whether it has to be known if the consumers still run; not for a CustomRun whose spec somebody edited since. */
export function isAnyRenewalDue({ customRun, specHash }: Pick<Observed, 'customRun' | 'specHash'>, now: Date): boolean {
  const isEdited = customRun.status.extraFields?.['specHash'] !== specHash
  return !isEdited && heldSecrets(customRun).some((one) => isRenewalDue(one, now))
}

function isRenewalDue({ renewAt }: HeldSecret, now: Date): boolean {
  return renewAt !== undefined && Date.parse(renewAt) <= now.getTime()
}

function planRenewal(observed: Observed, held: readonly HeldSecret[], due: HeldSecret): Step {
  const request = isRenewable(observed) ? requestsOf(observed).find((one) => one.policy === due.policy) : undefined
  if (request !== undefined && isMade(due)) return { kind: 'renew-secret', secret: due, held, request }
  return { kind: 'note-secrets', secrets: held.map((one) => (one === due ? withoutRenewal(one) : one)) }
}

/** A CustomRun that somebody deletes gets nothing more; what it got ends by itself. */
function isRenewable({ areConsumersRunning, customRun, secretDelivery }: Observed): boolean {
  return areConsumersRunning && secretDelivery && customRun.metadata.deletionTimestamp === undefined
}

/** Deliveries are judged behind the check that the run exists. */
function runOf({ owner }: Observed) {
  if (owner.kind === 'none') throw new TypeError('a CustomRun that stands alone gets no Secret')
  return owner.run
}
