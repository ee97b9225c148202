import type { KubeClient } from '../../core/io/kube/api.ts'
import { LeadershipLost } from '../../core/io/kube/leader-term.ts'

/**
 * The same client, whose writes fail as soon as somebody else may lead: a process that slept through its term writes
 * nothing when it wakes up.
 *
 * @throws LeadershipLost from `create`, `patch` and `delete`
 */
export function fenced(client: KubeClient, isHeld: () => boolean): KubeClient {
  function check(): void {
    if (!isHeld()) throw new LeadershipLost('this process does not lead any more')
  }
  return Object.freeze({
    ...client,
    async create(...call: Parameters<KubeClient['create']>) {
      check()
      return await client.create(...call)
    },
    async patch(...call: Parameters<KubeClient['patch']>) {
      check()
      return await client.patch(...call)
    },
    async delete(...call: Parameters<KubeClient['delete']>) {
      check()
      await client.delete(...call)
    },
  } as KubeClient)
}
