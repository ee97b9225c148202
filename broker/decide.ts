import type { Allowance } from '../core/policy/allowance.ts'
import { evaluate, Refused } from '../core/policy/evaluate.ts'
import type { Gathered, Requester } from './known.ts'

/** More are not named: the sentence has to fit into a condition. */
const maxNamed = 5

/**
 * Decides; a refusal for a CustomRun says which tasks it is about, as each may run as a ServiceAccount of its own and the
 * person who reads it sees the pipeline, not the request. The names come from the pipeline, not from the policy.
 *
 * @throws Problem as {@link evaluate} does
 */
export function decide({ facts, into }: Gathered, requester: Requester): Allowance {
  try {
    return evaluate(facts)
  } catch (cause) {
    // What a policy in mode DryRun says of the tasks is for its record alone.
    const isDecided = cause instanceof Refused && cause.reason !== 'policy_dry_run'
    const refusal = isDecided ? cause.judgement.refusal : undefined
    if (requester.kind !== 'customrun' || !(cause instanceof Refused) || refusal?.serviceAccounts === undefined) {
      throw cause
    }
    const named = refusal.serviceAccounts.flatMap((account) => tasksOf(account, into))
    const more = named.length > maxNamed ? `, and ${named.length - maxNamed} more` : ''
    throw new Refused(cause.judgement, refusal, `${cause.mend} (${named.slice(0, maxNamed).join(', ')}${more})`)
  }
}

function tasksOf(account: string, into: Gathered['into']): readonly string[] {
  const tasks = into.filter((one) => one.serviceAccount === account)
  // A gate goes into no task: it is judged for the account of the CustomRun itself.
  if (tasks.length === 0) return [printable(`ServiceAccount ${account}`)]
  return tasks.map(({ task }) => printable(`task ${task} runs as ServiceAccount ${account}`))
}

/** What RFC 6749 §5.2 lets stand in a description. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?')
}
