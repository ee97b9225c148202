import { KubeError } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { KubeUnreachable } from '../../../core/io/kube/failure.ts'
import { createKubeProbe } from '../../../core/io/kube/probe.ts'
import { isRefusal } from '../../../core/io/kube/refusal.ts'
import { systemDelay } from '../../../core/io/system.ts'
import { apiServerSilent, clusterLogin } from '../cluster-login.ts'
import {
  type Command,
  type CommandContext,
  CommandFailure,
  type CommandInput,
  choice,
  exitCodes,
  text,
  UsageError,
} from '../command.ts'
import { printable } from '../printable.ts'
import type { RunName } from '../revoke/find-run.ts'
import { type AccessName, type AccessTarget, accessTargets, revokeAccess } from '../revoke/revoke-access.ts'
import { type Revocation, type Revoked, revokeRun } from '../revoke/revoke-run.ts'
import { whoAmI } from '../revoke/who-am-i.ts'

export const revoke: Command = {
  name: 'revoke',
  summary: 'Withdraw what a run, a ServiceAccount, a policy or a provider was given, at once and for good.',
  operands: '--run|--serviceaccount|--policy|--cluster-policy|--provider [NAMESPACE/]NAME [-n NAMESPACE] [--suspend]',
  description:
    'With --run every token of the run is revoked, its authorisations are closed, and it gets no more: it is to the broker\n' +
    'as if it had ended. Tokens that an API verifies offline live until their expiry. The run itself goes on; tkn or kubectl cancel\n' +
    'it. Your user name is written on the run (annotation tokenbroker.dev/revoked-by) and into the audit stream. It takes\n' +
    'the verb revoke on tokenpolicies.tokenbroker.dev and get and patch on the run, in its namespace; no connection to the\n' +
    'broker. Waits until the broker has done it, where you may list Events.\n' +
    'The others withdraw every token that was granted until now to the ServiceAccount, under the policy or by the provider,\n' +
    'within 5 seconds; what asks again is granted again, unless --suspend stops that too. Your user name is written on the\n' +
    'object (tokenbroker.dev/revoked-by, revoked-at) and into the audit stream. It takes the verb revoke on\n' +
    'tokenpolicies.tokenbroker.dev in the namespace (on clustertokenpolicies and clustertokenproviders for these), and\n' +
    'patch on the object. To go on after --suspend: spec.suspend: false, or for a ServiceAccount kubectl annotate\n' +
    'serviceaccount NAME tokenbroker.dev/suspended-by-\n' +
    'Exit codes: 0 done, or the run had ended; 3 you may not; 5 written, but not confirmed in time, or the API server does not answer.',
  examples: [
    'tokenbroker revoke --run payments/release-7',
    'tokenbroker revoke --run migrate -n payments --kind TaskRun -o json',
    'tokenbroker revoke --serviceaccount payments/deployer --suspend',
    'tokenbroker revoke --provider builtin',
  ],
  options: {
    run: { type: 'string', help: 'NAME PipelineRun, or TaskRun that stands alone; NAMESPACE/NAME.' },
    serviceaccount: { type: 'string', help: 'NAME ServiceAccount; NAMESPACE/NAME.' },
    policy: { type: 'string', help: 'NAME TokenPolicy; NAMESPACE/NAME.' },
    'cluster-policy': { type: 'string', help: 'NAME ClusterTokenPolicy.' },
    provider: { type: 'string', help: 'NAME ClusterTokenProvider.' },
    suspend: { type: 'boolean', help: 'Stop new grants as well; not for a run, which gets no more anyway.' },
    namespace: { type: 'string', short: 'n', help: 'NAMESPACE Of what is named, where its name does not say it.' },
    kind: {
      type: 'string',
      help: 'KIND PipelineRun or TaskRun. Default: whichever of that name is there, in this order.',
    },
    timeout: { type: 'string', help: 'SECONDS To wait for the broker, 0 to 600. Default: 10.' },
    context: { type: 'string', help: 'NAME Of the kubeconfig. Default: its current one.' },
    kubeconfig: { type: 'string', help: 'FILE Default: KUBECONFIG, ~/.kube/config, or the ServiceAccount of the pod.' },
    output: { type: 'string', short: 'o', help: 'FORMAT json, or text (default).' },
  },
  async run(input, context) {
    if (input.positionals.length > 0)
      throw new UsageError('revoke takes no operands: name the run with --run, or what else with its option.')
    const access = accessName(input)
    const name = access === undefined ? runName(input) : undefined
    const format = choice(input, 'output', ['text', 'json'])
    const timeoutMs = timeoutOf(input)
    const login = { kubeconfig: text(input, 'kubeconfig'), context: text(input, 'context') }
    const credentials = await clusterLogin(login, context.env)
    const kube = createKubeClient({ credentials, clock: context.clock })
    const probe = createKubeProbe(credentials, context.clock)
    const user = (signal: AbortSignal) => whoAmI(probe, signal)
    try {
      if (access !== undefined) {
        const by = await revokeAccess(access, { kube, whoAmI: user, now: context.clock() }, context.signal)
        return reportAccess(access, by, format === 'json', context)
      }
      if (name === undefined) throw new UsageError('Name what to revoke.')
      const revocation = await revokeRun(name, { kube, whoAmI: user, delay: systemDelay, timeoutMs }, context.signal)
      return report(revocation, format === 'json', context)
    } catch (cause) {
      throw name === undefined ? explainedAccess(cause) : explained(cause, name.namespace)
    } finally {
      await Promise.all([kube.close(), probe.close()])
    }
  },
}

const namePattern = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/

/** @throws UsageError where more than one thing is named, or it is named wrongly */
function accessName(input: CommandInput): AccessName | undefined {
  const targets = Object.keys(accessTargets) as AccessTarget[]
  const named = targets.filter((one) => text(input, one) !== undefined)
  const [target] = named
  if (target === undefined) {
    if (input.options['suspend'] === true) throw new UsageError('--suspend is not for a run: it gets no more anyway.')
    return undefined
  }
  if (named.length > 1 || text(input, 'run') !== undefined) throw new UsageError('Name one thing to revoke.')
  const [name = '', inName, ...rest] = (text(input, target) ?? '').split('/').reverse()
  const suspends = input.options['suspend'] === true
  if (!accessTargets[target].resource.isNamespaced) {
    if (inName !== undefined || !namePattern.test(name)) throw new UsageError(`--${target} takes a name.`)
    return { target, namespace: undefined, name, suspends }
  }
  const namespace = inName ?? text(input, 'namespace')
  if (namespace === undefined) throw new UsageError(`Name the namespace: --${target} NAMESPACE/NAME, or -n.`)
  if (rest.length > 0 || !namePattern.test(name) || !namePattern.test(namespace))
    throw new UsageError(`--${target} takes NAMESPACE/NAME, or NAME with -n.`)
  return { target, namespace, name, suspends }
}

function reportAccess(what: AccessName, user: string, isJson: boolean, { out, note }: CommandContext): number {
  const { kind } = accessTargets[what.target]
  const { namespace, name, suspends } = what
  if (isJson) out(JSON.stringify({ kind, namespace, name, outcome: 'written', user, isSuspended: suspends }))
  else {
    const more = suspends ? ' and nothing more is granted' : ''
    const place = namespace === undefined ? name : `${namespace}/${name}`
    out(`${kind} ${place} is marked as revoked: within 5 seconds what was granted is withdrawn${more}.`)
    note(
      'The audit stream says how many tokens that were. An API that verifies tokens offline takes them until they expire.',
    )
  }
  return exitCodes.ok
}

function explainedAccess(cause: unknown): unknown {
  if (cause instanceof KubeUnreachable) return apiServerSilent(cause)
  if (!isRefusal(cause)) return cause
  const mend = 'The API server does not know you: kubectl auth whoami with the same context.'
  return new CommandFailure(exitCodes.denied, mend, { cause })
}

function runName(input: CommandInput): RunName {
  const run = text(input, 'run')
  if (run === undefined)
    throw new UsageError('Name what to revoke: --run, --serviceaccount, --policy, --cluster-policy or --provider.')
  const [name = '', named, ...rest] = run.split('/').reverse()
  const namespace = named ?? text(input, 'namespace')
  if (namespace === undefined) throw new UsageError('Name the namespace of the run: --run NAMESPACE/NAME, or -n.')
  if (named !== undefined && text(input, 'namespace') !== undefined && text(input, 'namespace') !== named)
    throw new UsageError('--run and -n name two namespaces.')
  if (rest.length > 0 || !namePattern.test(name) || !namePattern.test(namespace))
    throw new UsageError('--run takes NAMESPACE/NAME, or NAME with -n.')
  return { namespace, name, kind: choice(input, 'kind', ['PipelineRun', 'TaskRun']) }
}

function timeoutOf(input: CommandInput): number {
  const value = text(input, 'timeout') ?? '10'
  if (!/^\d{1,3}$/.test(value) || Number(value) > 600) throw new UsageError('--timeout takes seconds, 0 to 600.')
  return Number(value) * 1000
}

const sentences: Readonly<Record<Revoked, string>> = {
  done: 'was revoked: its tokens are withdrawn, and it gets no more.',
  written: 'is marked as revoked. Whether the broker has done it you may not see: it takes list on events.',
  unconfirmed:
    'is marked as revoked, but nobody confirmed it in time: it is done when controller and broker run; tokenbroker doctor.',
  'ended-before': 'had ended already, and with it what it was given.',
  'revoked-before': 'had been revoked already.',
}

function report({ run, outcome, user }: Revocation, isJson: boolean, { out, note }: CommandContext): number {
  const { kind, namespace, name, uid } = run
  if (isJson) out(JSON.stringify({ kind, namespace, name, uid, outcome, user, revokedBy: run.revokedBy ?? user }))
  else {
    const who = outcome === 'revoked-before' ? ` By ${printable(run.revokedBy ?? '')}.` : ''
    out(`${kind} ${namespace}/${name} ${sentences[outcome]}${who}`)
  }
  if (outcome === 'done' && !isJson) note('An API that verifies tokens offline takes them until they expire.')
  return outcome === 'unconfirmed' ? exitCodes.unreachable : exitCodes.ok
}

function explained(cause: unknown, namespace: string): unknown {
  if (cause instanceof KubeUnreachable) return apiServerSilent(cause)
  if (cause instanceof KubeError && (cause.status === 404 || cause.status === 409)) {
    const mend = 'The run was deleted, or another one took its name, meanwhile: what it was given has ended with it.'
    return new CommandFailure(exitCodes.failed, mend, { cause })
  }
  if (!isRefusal(cause)) return cause
  const mend =
    cause.status === 401
      ? 'The API server does not know you: kubectl auth whoami with the same context.'
      : `You may not look at runs in ${namespace}: it takes get on pipelineruns and taskruns of tekton.dev there.`
  return new CommandFailure(exitCodes.denied, mend, { cause })
}
