import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { loadCredentials } from '../../../core/io/kube/credentials.ts'
import { KubeUnreachable } from '../../../core/io/kube/failure.ts'
import { createKubeProbe } from '../../../core/io/kube/probe.ts'
import { StartError } from '../../../core/io/start-error.ts'
import { type CommandContext, CommandFailure, exitCodes } from '../command.ts'
import { createSite, type Site } from './site.ts'

export interface SitePlace {
  readonly kubeconfig: string | undefined
  readonly context: string | undefined
  readonly namespace: string
  readonly tryIn: string
}

/** @throws CommandFailure when nobody answers there, or it is not known where */
export async function openSite(
  { kubeconfig, context, namespace, tryIn }: SitePlace,
  { env, clock, signal }: CommandContext,
): Promise<{ readonly site: Site; readonly close: () => Promise<void> }> {
  const file = kubeconfig ?? (await defaultKubeconfig(env))
  const options = {
    ...(file === undefined ? {} : { kubeconfig: file }),
    ...(context === undefined ? {} : { context }),
    env,
  }
  const credentials = await loadCredentials(options).catch((cause: unknown) => {
    if (!(cause instanceof StartError)) throw cause
    throw new CommandFailure(exitCodes.unreachable, `${cause.message}.`, { cause })
  })
  const [client, probe] = [createKubeClient({ credentials, clock }), createKubeProbe(credentials, clock)]
  const close = async () => void (await Promise.all([client.close(), probe.close()]))
  await probe.get('/version', signal).catch(async (cause: unknown) => {
    await close()
    if (!(cause instanceof KubeUnreachable)) throw cause
    throw new CommandFailure(
      exitCodes.unreachable,
      'The API server of the kubeconfig does not answer: kubectl version with the same context says why.',
      { cause },
    )
  })
  return { site: createSite({ client, probe, namespace, tryIn, clock, signal }), close }
}

/** As kubectl does, but for one file: KUBECONFIG, ~/.kube/config, and in a pod its own ServiceAccount. */
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
