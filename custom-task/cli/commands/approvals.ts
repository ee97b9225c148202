import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { describeRequirements, judgeDecisions } from '../../../core/policy/approval-decisions.ts'
import { clusterOptions, withCluster } from '../approvals/cluster.ts'
import { readApproval, type ShownApproval } from '../approvals/describe-approval.ts'
import { followApprovals } from '../approvals/follow.ts'
import { type Command, type CommandInput, choice, exitCodes, text, UsageError } from '../command.ts'
import { createTable } from '../table.ts'

export const approvals: Command = {
  name: 'approvals',
  summary: 'List what runs ask people for, and what became of it.',
  operands: '-n NAMESPACE | -A [--all] [-w] [-o json]',
  description:
    'Shows the questions that are open; with --all also those that were decided, ran out or ended with their run. With -w\n' +
    'it goes on with what is asked and decided from now on, until it is interrupted. It takes get, list and, for -w, watch\n' +
    'on tokenapprovals.tokenbroker.dev. kubectl get tokenapprovals shows the same.',
  examples: ['tokenbroker approvals -n payments', 'tokenbroker approvals -A -w'],
  options: {
    namespace: { type: 'string', short: 'n', help: 'NAMESPACE Only of this namespace.' },
    'all-namespaces': { type: 'boolean', short: 'A', help: 'Of every namespace.' },
    all: { type: 'boolean', help: 'Also those that are over.' },
    watch: { type: 'boolean', short: 'w', help: 'Goes on with what changes.' },
    ...clusterOptions,
    output: { type: 'string', short: 'o', help: 'FORMAT json (one object a line), or table (default).' },
  },
  async run(input, context) {
    if (input.positionals.length > 0) throw new UsageError('approvals takes no operands.')
    const list = scopeOf(input)
    const isJson = choice(input, 'output', ['table', 'json']) === 'json'
    const isWatch = input.options['watch'] === true
    const { signal, out, note } = context
    return await withCluster(input, context, async (kube) => {
      const { items, resourceVersion } = await kube.list(resources.tokenApprovals, list, signal)
      const table = createTable(out)
      let shown = 0
      const add = (object: KubeObject): boolean => {
        const approval = readApproval(object)
        if (approval === undefined || !(isOpen(approval) || input.options['all'] === true || isWatch)) return true
        if (isJson) return out(JSON.stringify(object))
        if (shown++ === 0) table.add(columns.map(([header]) => header))
        return table.add(columns.map(([, read]) => read(approval)))
      }
      const addAtOnce = (object: KubeObject): boolean => {
        const isRead = add(object)
        table.end()
        return isRead
      }
      const isRead = items.filter((one) => !isWatch || isOpen(readApproval(one))).every(add)
      table.end()
      if (shown === 0 && !isJson && !isWatch) note('Nobody is asked for anything.')
      if (isWatch && isRead) await followApprovals(kube, list, { items, resourceVersion }, signal, addAtOnce)
      return exitCodes.ok
    })
  },
}

function scopeOf(input: CommandInput): { readonly namespace?: string } {
  const namespace = text(input, 'namespace')
  const isAll = input.options['all-namespaces'] === true
  if (isAll === (namespace !== undefined)) throw new UsageError('Say which: -n NAMESPACE, or -A for all of them.')
  return namespace === undefined ? {} : { namespace }
}

function isOpen(approval: ShownApproval | undefined): boolean {
  return approval?.state === '' || approval?.state === 'Pending'
}

type Column = readonly [header: string, read: (approval: ShownApproval) => string]

const columns: readonly Column[] = [
  ['NAMESPACE', ({ namespace }) => namespace],
  ['NAME', ({ name }) => name],
  ['RUN', ({ spec }) => spec.request.run.name],
  ['STARTEDBY', ({ spec }) => spec.request.initiator?.username ?? ''],
  ['SCOPES', ({ spec }) => spec.request.scopes.join(' ')],
  ['AUDIENCE', ({ spec }) => spec.request.audience],
  ['STATE', ({ state }) => state || 'Pending'],
  ['WAITSFOR', (approval) => (isOpen(approval) ? missingOf(approval) : '')],
  ['UNTIL', ({ spec }) => spec.expiresAt],
]

function missingOf({ spec }: ShownApproval): string {
  const state = judgeDecisions(spec)
  return state.kind === 'open' ? describeRequirements(state.missing) : ''
}
