import { createKubeClient } from '../../../core/io/kube/client.ts'
import { KubeUnreachable } from '../../../core/io/kube/failure.ts'
import { createKubeProbe } from '../../../core/io/kube/probe.ts'
import { apiServerSilent, clusterLogin } from '../cluster-login.ts'
import type { CommandContext } from '../command.ts'
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
  const credentials = await clusterLogin({ kubeconfig, context }, env)
  const [client, probe] = [createKubeClient({ credentials, clock }), createKubeProbe(credentials, clock)]
  const close = async () => void (await Promise.all([client.close(), probe.close()]))
  await probe.get('/version', signal).catch(async (cause: unknown) => {
    await close()
    if (!(cause instanceof KubeUnreachable)) throw cause
    throw apiServerSilent(cause)
  })
  return { site: createSite({ client, probe, namespace, tryIn, clock, signal }), close }
}
