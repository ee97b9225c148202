import { setTimeout as delay } from 'node:timers/promises'
import { stringify } from 'yaml'
import { kube } from '../harness/cluster.ts'
import type { KubeObject } from '../harness/kube.ts'

/** What Tekton's Git resolver would find. */
export interface Repository {
  readonly url: string
  /** Objects by revision and path, such as `main release.yaml`. */
  readonly files: Readonly<Record<string, KubeObject>>
}

/** The commit that every revision of a repository is said to be. */
export const commit = '0123456789abcdef0123456789abcdef01234567'

/**
 * Answers the ResolutionRequests of a namespace as Tekton's Git resolver does: the text, and where it came from. All
 * else, from the request to `status.provenance`, is Tekton's own controller.
 */
export async function resolveFrom(repository: Repository, namespace: string, signal: AbortSignal): Promise<void> {
  const client = await kube()
  const path = `/apis/resolution.tekton.dev/v1beta1/namespaces/${namespace}/resolutionrequests`
  while (!signal.aborted) {
    for (const request of await client.list(path)) {
      if (request.status?.conditions?.some(({ status }: { status: string }) => status !== 'Unknown')) continue
      await client.patch(`${path}/${request.metadata.name}/status`, { status: answer(repository, request) })
    }
    await delay(200, undefined, { signal }).catch(() => undefined)
  }
}

function answer({ url, files }: Repository, { spec }: KubeObject): object {
  const params: readonly { readonly name: string; readonly value: string }[] = spec.params ?? []
  const param = (name: string) => params.find((one) => one.name === name)?.value ?? ''
  const entryPoint = param('pathInRepo')
  const file = param('url') === url ? files[`${param('revision')} ${entryPoint}`] : undefined
  if (file === undefined) return { conditions: [condition('False', 'ResolutionFailed')], data: '' }
  return {
    conditions: [condition('True', 'ResolutionSucceeded')],
    data: Buffer.from(stringify(file)).toString('base64'),
    refSource: { uri: `git+${url}`, digest: { sha1: commit }, entryPoint },
    source: { uri: `git+${url}`, digest: { sha1: commit }, entryPoint },
  }
}

function condition(status: 'True' | 'False', reason: string): object {
  return { type: 'Succeeded', status, reason, lastTransitionTime: new Date().toISOString() }
}

/** A reference to a file of the repository. */
export function gitRef({ url }: Repository, revision: string, path: string): object {
  const params = { url, revision, pathInRepo: path }
  return { resolver: 'git', params: Object.entries(params).map(([name, value]) => ({ name, value })) }
}
