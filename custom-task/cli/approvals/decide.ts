import { KubeError, resources } from '../../../core/io/kube/api.ts'
import { describeRequirements, judgeDecisions } from '../../../core/policy/approval-decisions.ts'
import {
  type Command,
  type CommandContext,
  CommandFailure,
  choice,
  exitCodes,
  operand,
  text,
  UsageError,
} from '../command.ts'
import { printable } from '../printable.ts'
import { clusterOptions, withCluster } from './cluster.ts'
import { type Decision, decisionOf, whyNot } from './decision.ts'
import { factsOf, readApproval, type ShownApproval } from './describe-approval.ts'
import { thisPerson } from './person.ts'

interface Words {
  readonly name: 'approve' | 'reject'
  readonly summary: string
  readonly verdict: Decision['verdict']
  readonly example: string
}

const namePattern = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/

/** `approve` and `reject`: one entry in `spec.decisions`, written as the person of the kubeconfig. */
export function decideCommand({ name, summary, verdict, example }: Words): Command {
  return {
    name,
    summary,
    operands: 'NAME -n NAMESPACE [-m COMMENT] [-o json]',
    description:
      'Shows what is asked, then writes your decision into the TokenApproval, under your own user name: admission lets no\n' +
      'other name in. It takes the verbs approve, patch and get on tokenapprovals.tokenbroker.dev, and to be in one of the\n' +
      'groups that are asked; nobody decides about a run that they started. Exit codes: 0 said, 1 it was decided already,\n' +
      '3 you may not, 5 the API server does not answer.',
    examples: [example],
    options: {
      namespace: { type: 'string', short: 'n', help: 'NAMESPACE Of the TokenApproval.' },
      message: { type: 'string', short: 'm', help: 'COMMENT Why; goes into the audit stream.' },
      ...clusterOptions,
      output: { type: 'string', short: 'o', help: 'FORMAT json, or text (default).' },
    },
    async run(input, context) {
      const approval = operand(input, 'TokenApproval')
      const namespace = text(input, 'namespace')
      if (namespace === undefined) throw new UsageError('Name the namespace with -n.')
      if (!namePattern.test(approval) || !namePattern.test(namespace))
        throw new UsageError(`${name} takes NAME -n NAMESPACE.`)
      const comment = text(input, 'message')
      const isJson = choice(input, 'output', ['text', 'json']) === 'json'
      return await withCluster(input, context, async (kube, probe) => {
        const { signal } = context
        const ref = { namespace, name: approval }
        const found = shown(await kube.get(resources.tokenApprovals, ref, signal), ref)
        requireOpen(found)
        if (!isJson) show(found, context)
        const person = await thisPerson(probe, signal)
        const why = whyNot(person, found.spec)
        if (why !== undefined) throw new CommandFailure(exitCodes.denied, why)
        const decision = decisionOf(person, found.spec, { verdict, comment })
        const body = [
          // Another object that took the name meanwhile asks something else.
          { op: 'test', path: '/metadata/uid', value: found.uid },
          { op: 'add', path: '/spec/decisions/-', value: decision },
        ]
        const written = await kube
          .patch(resources.tokenApprovals, ref, body, { type: 'json' }, signal)
          .catch((cause: unknown) => refused(cause, ref))
        const after = shown(written, ref)
        if (isJson) context.out(JSON.stringify({ ...ref, decision, state: judgeDecisions(after.spec).kind }))
        else context.out(printable(outcome(after)))
        return exitCodes.ok
      })
    },
  }
}

interface Ref {
  readonly namespace: string
  readonly name: string
}

function shown(object: Parameters<typeof readApproval>[0] | undefined, { namespace, name }: Ref): ShownApproval {
  const found = object && readApproval(object)
  if (found !== undefined) return found
  const mend = `Namespace ${namespace} has no TokenApproval ${name}: tokenbroker approvals -n ${namespace}; it goes with its run.`
  throw new CommandFailure(exitCodes.failed, mend)
}

function requireOpen({ state, message }: ShownApproval): void {
  if (state === '' || state === 'Pending') return
  throw new CommandFailure(exitCodes.failed, `There is nothing to decide any more (${state}): ${printable(message)}.`)
}

function show(approval: ShownApproval, { out }: CommandContext): void {
  for (const [what, value] of factsOf(approval)) out(`${what.padEnd(12)} ${printable(value)}`)
}

function refused(cause: unknown, { namespace }: Ref): never {
  if (cause instanceof KubeError && (cause.status === 403 || cause.status === 422)) {
    const mend =
      'You may not decide about this: it takes the verbs approve and patch on tokenapprovals.tokenbroker.dev; ' +
      `kubectl auth can-i approve tokenapprovals.tokenbroker.dev -n ${namespace}`
    throw new CommandFailure(exitCodes.denied, mend, { cause })
  }
  throw cause
}

function outcome({ spec }: ShownApproval): string {
  const state = judgeDecisions(spec)
  if (state.kind === 'approved') return 'Approved: the run goes on.'
  if (state.kind === 'rejected') return 'Rejected: the run gets no token.'
  return `Said. It goes on when ${describeRequirements(state.missing)} more approve.`
}
