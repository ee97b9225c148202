import { gateLine, maxGateMessageLength, missingSentence } from '../gate-message.ts'
import type { DeliveryReport } from './delivery.ts'

/** What stands in the termination log of a sidecar: the tokens that ended and were not given again. Empty as a rule. */
export function lastWords(reports: readonly DeliveryReport[]): string {
  const missing = reports.filter(({ status, isOptional }) => status !== 'ready' && !isOptional)
  const lines = missing.map(({ policy, status, message: sentence, exchangeId }) =>
    gateLine(missingSentence({ policy, status, sentence, exchangeId })),
  )
  return [...new Set(lines)].join('').slice(0, maxGateMessageLength)
}
