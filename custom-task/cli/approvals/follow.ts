import { type KubeClient, KubeError, type KubeObject, resources } from '../../../core/io/kube/api.ts'

interface Listed {
  readonly items: readonly KubeObject[]
  readonly resourceVersion: string
}

/**
 * Shows TokenApprovals that change, until nobody reads any more. A server that closes the stream, as it does now and then,
 * is asked again; one that forgot where the stream was (410) is asked for all, and what differs is shown.
 *
 * @param show returns whether somebody still reads
 */
export async function followApprovals(
  kube: Pick<KubeClient, 'list' | 'watch'>,
  scope: { readonly namespace?: string },
  listed: Listed,
  signal: AbortSignal,
  show: (object: KubeObject) => boolean,
): Promise<void> {
  const seen = new Map(listed.items.map((one) => [keyOf(one), one.metadata.resourceVersion]))
  let { resourceVersion } = listed

  /** @returns whether somebody still reads */
  function showIfNew(object: KubeObject): boolean {
    const version = object.metadata.resourceVersion
    if (seen.get(keyOf(object)) === version) return true
    seen.set(keyOf(object), version)
    return show(object)
  }

  async function isReadToTheEnd(): Promise<boolean> {
    for await (const event of kube.watch(resources.tokenApprovals, { ...scope, resourceVersion }, signal)) {
      resourceVersion = event.kind === 'bookmark' ? event.resourceVersion : event.object.metadata.resourceVersion
      if (event.kind === 'deleted') seen.delete(keyOf(event.object))
      if ((event.kind === 'added' || event.kind === 'modified') && !showIfNew(event.object)) return false
    }
    return true
  }

  async function isReadAnew(error: unknown): Promise<boolean> {
    if (!(error instanceof KubeError && error.status === 410)) throw error
    const { items, resourceVersion: current } = await kube.list(resources.tokenApprovals, scope, signal)
    resourceVersion = current
    return items.every(showIfNew)
  }

  while (await isReadToTheEnd().catch(isReadAnew));
}

function keyOf({ metadata }: KubeObject): string {
  return metadata.uid
}
