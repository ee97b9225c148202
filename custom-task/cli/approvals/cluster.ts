import type { KubeClient } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { KubeUnreachable } from '../../../core/io/kube/failure.ts'
import { createKubeProbe, type KubeProbe } from '../../../core/io/kube/probe.ts'
import { isRefusal } from '../../../core/io/kube/refusal.ts'
import { apiServerSilent, clusterLogin } from '../cluster-login.ts'
import { type CommandContext, CommandFailure, type CommandInput, exitCodes, text } from '../command.ts'

/** Does something with the API server of the person's kubeconfig. @throws CommandFailure with the mend */
export async function withCluster<T>(
  input: CommandInput,
  { env, clock }: CommandContext,
  work: (kube: KubeClient, probe: KubeProbe) => Promise<T>,
): Promise<T> {
  const login = { kubeconfig: text(input, 'kubeconfig'), context: text(input, 'context') }
  const credentials = await clusterLogin(login, env)
  const kube = createKubeClient({ credentials, clock })
  const probe = createKubeProbe(credentials, clock)
  try {
    return await work(kube, probe)
  } catch (cause) {
    throw explained(cause)
  } finally {
    await Promise.all([kube.close(), probe.close()])
  }
}

function explained(cause: unknown): unknown {
  if (cause instanceof KubeUnreachable) return apiServerSilent(cause)
  if (!isRefusal(cause)) return cause
  const mend =
    cause.status === 401
      ? 'The API server does not know you: kubectl auth whoami with the same context.'
      : 'You may not look at approvals there: it takes get and list on tokenapprovals.tokenbroker.dev.'
  return new CommandFailure(exitCodes.denied, mend, { cause })
}

/** Options of every command that talks to the API server. */
export const clusterOptions = {
  context: { type: 'string', help: 'NAME Of the kubeconfig. Default: its current one.' },
  kubeconfig: { type: 'string', help: 'FILE Default: KUBECONFIG, ~/.kube/config, or the ServiceAccount of the pod.' },
} as const
