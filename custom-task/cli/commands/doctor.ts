import { type Command, type CommandContext, choice, exitCodes, text, UsageError } from '../command.ts'
import { checks } from '../doctor/checks.ts'
import { openSite } from '../doctor/open-site.ts'
import { absence, type Result, runChecks } from '../doctor/run-checks.ts'
import { printable } from '../printable.ts'

export const doctor: Command = {
  name: 'doctor',
  summary: 'Check an installation, and say how to mend what is wrong.',
  operands: '[-n NAMESPACE] [--try-in NAMESPACE] [--context NAME] [--kubeconfig FILE] [-o json]',
  description:
    'Looks at a cluster with the rights of your kubeconfig and prints a line for each check: ok, warn or fail, what was\n' +
    'found, and below it what to do. Changes nothing; a pod is tried by dry run. What you may not look at is a warning that\n' +
    'names the right it needs. Exit code 0 when nothing fails, warnings included, 1 when something does, 5 when the API\n' +
    'server does not answer.',
  examples: ['tokenbroker doctor', 'tokenbroker doctor -n tokenbroker-system --try-in payments -o json'],
  options: {
    namespace: {
      type: 'string',
      short: 'n',
      help: 'NAMESPACE Where the chart is installed. Default: tokenbroker-system.',
    },
    'try-in': { type: 'string', help: 'NAMESPACE Where pipelines run, to try a pod. Default: default.' },
    context: { type: 'string', help: 'NAME Of the kubeconfig. Default: its current one.' },
    kubeconfig: { type: 'string', help: 'FILE Default: KUBECONFIG, ~/.kube/config, or the ServiceAccount of the pod.' },
    output: { type: 'string', short: 'o', help: 'FORMAT json (an array), or table (default).' },
  },
  async run(input, context) {
    if (input.positionals.length > 0) throw new UsageError('doctor takes no operands.')
    const format = choice(input, 'output', ['table', 'json']) ?? 'table'
    const place = {
      kubeconfig: text(input, 'kubeconfig'),
      context: text(input, 'context'),
      namespace: text(input, 'namespace') ?? 'tokenbroker-system',
      tryIn: text(input, 'try-in') ?? 'default',
    }
    for (const name of [place.namespace, place.tryIn]) {
      if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) throw new UsageError('That is no name of a namespace.')
    }
    const { site, close } = await openSite(place, context)
    try {
      const results: Result[] = []
      for await (const result of runChecks(checks, site, context.signal)) {
        results.push(result)
        if (format === 'table' && result.absent === undefined) printLine(result, context)
      }
      if (format === 'json')
        context.out(
          JSON.stringify(
            results.map(({ check, finding }) => ({ check, ...finding })),
            null,
            2,
          ),
        )
      else printEnd(results, context)
      return results.some(({ finding }) => finding.status === 'fail') ? exitCodes.failed : exitCodes.ok
    } finally {
      await close()
    }
  },
}

const width = Math.max(...checks.map(({ name }) => name.length))

function printLine({ check, finding }: Result, { out }: CommandContext): void {
  out(`${finding.status.padEnd(4)}  ${check.padEnd(width)}  ${printable(finding.found)}`)
  if (finding.status !== 'ok') out(`${' '.repeat(width + 8)}-> ${printable(finding.mend)}`)
}

/** Where nothing is installed, most checks have nothing to look at: one line for all, and one in the sum. */
function printEnd(results: readonly Result[], context: CommandContext): void {
  const folded = absence(results)
  if (folded !== undefined) printLine(folded, context)
  const printed = [...results.filter(({ absent }) => absent === undefined), ...(folded === undefined ? [] : [folded])]
  const count = (status: string) => printed.filter(({ finding }) => finding.status === status).length
  context.out(`${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} wrong.`)
}
