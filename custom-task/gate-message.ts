/** Why a pod has no token for a policy, as its gate says it. */
export interface MissingToken {
  readonly policy: string
  readonly status: MissingStatus
  /** The sentence with the mend. */
  readonly sentence: string | undefined
  readonly exchangeId: string | undefined
}

export type MissingStatus = 'refused' | 'pending' | 'unavailable' | 'waiting'

const prefix = 'tokenbroker: '
const maxLines = 16
const maxSentenceLength = 512
/** The kubelet keeps 4096 bytes of a termination message. */
export const maxGateMessageLength = 4096

const line = new RegExp(
  [
    `^${prefix}([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?) is (refused|pending|unavailable|waiting)`,
    '(?:: (.{1,2048}?))??',
    '(?: \\(exchange ([A-Za-z0-9._-]{1,128})\\))?$',
  ].join(''),
)

/** A sentence of the gate, for its log and for its termination message. */
export function gateLine(sentence: string): string {
  return `${prefix}${sentence}\n`
}

/** `<policy> is <status>: <sentence> (exchange <id>)`, in words that people read and {@link readGateMessage} understands. */
export function missingSentence({
  policy,
  status,
  sentence,
  exchangeId,
}: {
  readonly policy: string
  readonly status: string
  readonly sentence: string | undefined
  readonly exchangeId: string | undefined
}): string {
  const why = sentence === undefined ? status : `${status}: ${sentence}`
  return exchangeId === undefined ? `${policy} is ${why}` : `${policy} is ${why} (exchange ${exchangeId})`
}

/**
 * Reads the termination message of a gate. Whoever may make a pod may put any text there: what does not have the form is
 * left out, and of a sentence only printable ASCII is kept, cut to the length of an OAuth description.
 */
export function readGateMessage(text: string): readonly MissingToken[] {
  const lines = text.slice(0, maxGateMessageLength).split('\n', maxLines)
  const found = [...new Set(lines)].flatMap((one): readonly MissingToken[] => {
    const [, policy, status, sentence, exchangeId] = line.exec(one.trimEnd()) ?? []
    if (policy === undefined || !isMissingStatus(status)) return []
    return [{ policy, status, sentence: sentence === undefined ? undefined : printable(sentence), exchangeId }]
  })
  // A refusal is why the others were not waited for.
  const refused = found.filter(({ status }) => status === 'refused')
  return refused.length > 0 ? refused : found
}

function isMissingStatus(text: string | undefined): text is MissingStatus {
  return text === 'refused' || text === 'pending' || text === 'unavailable' || text === 'waiting'
}

/** @see RFC 6749 §5.2 */
function printable(text: string): string {
  return text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]+/g, ' ').slice(0, maxSentenceLength)
}
