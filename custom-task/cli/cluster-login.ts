import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { KubeCredentials } from '../../core/io/kube/connection.ts'
import { loadCredentials } from '../../core/io/kube/credentials.ts'
import { StartError } from '../../core/io/start-error.ts'
import { type CommandContext, CommandFailure, exitCodes } from './command.ts'

export interface LoginOptions {
  readonly kubeconfig: string | undefined
  readonly context: string | undefined
}

/**
 * Who the person is for the API server: `--kubeconfig` and `--context`, else as kubectl finds them, but for one file.
 *
 * @throws CommandFailure when it is not known which cluster is meant
 */
export async function clusterLogin(
  { kubeconfig, context }: LoginOptions,
  env: CommandContext['env'],
): Promise<KubeCredentials> {
  const options = { kubeconfig: kubeconfig ?? (await defaultKubeconfig(env)), context, env }
  return await loadCredentials(options).catch((cause: unknown) => {
    if (!(cause instanceof StartError)) throw cause
    throw new CommandFailure(exitCodes.unreachable, `${cause.message}.`, { cause })
  })
}

/** KUBECONFIG, ~/.kube/config, and in a pod its own ServiceAccount. */
async function defaultKubeconfig(env: CommandContext['env']): Promise<string | undefined> {
  const named = env['KUBECONFIG']
  if (named?.includes(':')) {
    throw new CommandFailure(exitCodes.usage, 'KUBECONFIG names several files: name one with --kubeconfig.')
  }
  if (named) return named
  const own = join(env['HOME'] ?? '/', '.kube', 'config')
  return await access(own).then(
    () => own,
    () => undefined,
  )
}

/** The API server of the kubeconfig gave no answer. */
export function apiServerSilent(cause: unknown): CommandFailure {
  return new CommandFailure(
    exitCodes.unreachable,
    'The API server of the kubeconfig does not answer: kubectl version with the same context says why.',
    { cause },
  )
}
