import { rfc3339 } from '../../core/clock.ts'
import { succeeded } from '../../core/tekton/fields.ts'
import type { Authorized } from '../broker-client-answer.ts'
import type { Explained } from '../broker-client-explain.ts'
import { attemptStart } from './attempt-time.ts'
import type { Observed } from './observed.ts'
import type { MadeSecret } from './secrets/held-secret.ts'
import type { Reason, StatusPatch, SucceededCondition } from './step.ts'

interface Said {
  readonly status: SucceededCondition['status']
  readonly reason: Reason
  readonly message: string
}

const maxMessageLength = 1024

/** The run goes on; `startTime` is set at first sight, as Tekton demands. */
export function goingOn(observed: Observed, now: Date, said: Omit<Said, 'status'>): StatusPatch {
  return {
    ...common(observed),
    startTime: rfc3339(attemptStart(observed)),
    completionTime: null,
    conditions: [condition(observed, now, { status: 'Unknown', ...said })],
  }
}

/** The run is done. Tekton takes the condition's transition as completion, so both are one moment. */
export function finished(
  observed: Observed,
  now: Date,
  said: Said & { readonly results?: StatusPatch['results']; readonly secrets?: readonly MadeSecret[] },
): StatusPatch {
  const { results, secrets, ...rest } = said
  const { observedGeneration, extraFields } = common(observed)
  return {
    observedGeneration,
    extraFields: { ...extraFields, ...(secrets === undefined ? {} : { secrets }) },
    startTime: rfc3339(attemptStart(observed)),
    completionTime: rfc3339(now),
    conditions: [condition(observed, now, rest)],
    ...(results === undefined ? {} : { results }),
  }
}

/** The attempt failed and another follows: it moves into `retriesStatus`, and the run stays Unknown meanwhile. */
export function retrying(observed: Observed, now: Date, failure: Omit<Said, 'status'>): StatusPatch {
  const { observedGeneration } = common(observed)
  const attempt = {
    observedGeneration,
    startTime: rfc3339(attemptStart(observed)),
    completionTime: rfc3339(now),
    conditions: [condition(observed, now, { status: 'False', ...failure })],
  }
  const { retriesStatus } = observed.customRun.status
  const total = (observed.customRun.spec.retries ?? 0) + 1
  const message = `Attempt ${retriesStatus.length + 1} of ${total} failed (${failure.reason}): ${failure.message}`
  return {
    ...common(observed),
    startTime: null,
    completionTime: null,
    results: null,
    conditions: [condition(observed, now, { status: 'Unknown', reason: 'Retrying', message })],
    retriesStatus: [...retriesStatus, attempt],
  }
}

/** Exactly the results of the contract; several policies are separated by commas. Never a token. */
export function resultsOf(answers: readonly Authorized[]): NonNullable<StatusPatch['results']> {
  const joined = (pick: (answer: Authorized) => string): string => answers.map(pick).join(',')
  return [
    { name: 'authorization-id', value: joined((one) => one.authorizationId) },
    { name: 'policy', value: joined((one) => one.policy ?? '') },
    { name: 'audience', value: joined((one) => one.audience ?? '') },
    { name: 'scope', value: joined((one) => one.scope.join(' ')) },
    { name: 'expires-at', value: joined((one) => rfc3339(one.expiresAt)) },
  ]
}

/** Those of an authorisation, empty where there is none, so that a pipeline that reads them runs dry too. */
export function dryRunResults(answers: readonly Explained[]): NonNullable<StatusPatch['results']> {
  const joined = (pick: (answer: Explained) => string): string => answers.map(pick).join(',')
  return [
    { name: 'authorization-id', value: '' },
    { name: 'policy', value: joined((one) => one.policy ?? '') },
    { name: 'audience', value: joined((one) => one.audience ?? '') },
    { name: 'scope', value: joined((one) => one.scope.join(' ')) },
    { name: 'expires-at', value: '' },
    { name: 'decision', value: joined((one) => one.decision) },
  ]
}

/** What the contract says of Secrets; several are separated by commas, in the order of the policies. */
export function secretResults(secrets: readonly MadeSecret[]): NonNullable<StatusPatch['results']> {
  const joined = (pick: (secret: MadeSecret) => string): string => secrets.map(pick).join(',')
  return [
    { name: 'exchange-id', value: joined((one) => one.exchangeId) },
    { name: 'secret-name', value: joined((one) => one.name) },
    { name: 'token-expires-at', value: joined((one) => one.expiresAt) },
  ]
}

function common({ customRun, specHash }: Observed): Pick<StatusPatch, 'observedGeneration' | 'extraFields'> {
  return { observedGeneration: customRun.metadata.generation ?? 1, extraFields: { specHash } }
}

function condition({ customRun }: Observed, now: Date, { status, reason, message }: Said): SucceededCondition {
  const before = succeeded(customRun.status.conditions)
  const isSame = before?.status === status && before.lastTransitionTime !== undefined
  const lastTransitionTime = rfc3339(isSame ? (before.lastTransitionTime ?? now) : now)
  return { type: 'Succeeded', status, reason, message: shortened(message), lastTransitionTime }
}

function shortened(message: string): string {
  return message.length <= maxMessageLength ? message : `${message.slice(0, maxMessageLength - 1)}…`
}
