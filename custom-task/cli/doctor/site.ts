import type { Clock } from '../../../core/clock.ts'
import {
  type KubeClient,
  KubeError,
  type KubeObject,
  type ObjectRef,
  type Resource,
} from '../../../core/io/kube/api.ts'
import type { KubeProbe, ProbeAnswer } from '../../../core/io/kube/probe.ts'

/** The person may not look at what a check needs. */
export class MayNotLook extends Error {
  override readonly name = 'MayNotLook'
  /** Such as `get configmaps in namespace tokenbroker-system`. */
  readonly right: string

  constructor(right: string) {
    super(`Needs the right to ${right}`)
    this.right = right
  }
}

/** A port of a Service, by its name. */
export interface ServicePort {
  readonly name: string
  readonly port: string
  readonly scheme?: 'https'
}

/** One installation in one cluster, as a person's kubeconfig shows it. Objects are read once. */
export interface Site {
  /** Where the broker is installed. */
  readonly namespace: string
  /** Where a pod is tried, by dry run. */
  readonly tryIn: string
  readonly clock: Clock
  /** @throws MayNotLook, KubeError, KubeUnreachable */
  object(resource: Resource, ref: ObjectRef): Promise<KubeObject | undefined>
  /** @throws as `object` */
  objects(resource: Resource, namespace?: string): Promise<readonly KubeObject[]>
  /** A path that is no resource, such as `/version`. @throws MayNotLook, KubeUnreachable */
  page(path: string): Promise<ProbeAnswer>
  /** GET through the API server's proxy, which needs no port forwarded. @throws MayNotLook, KubeUnreachable */
  ask(service: ServicePort, path: string): Promise<ProbeAnswer>
  /** Creates an object in `tryIn` by dry run: admission judges it, nothing is kept. @throws MayNotLook, KubeUnreachable */
  tryPod(pod: object): Promise<ProbeAnswer>
}

export interface SiteOptions {
  readonly client: Pick<KubeClient, 'get' | 'list'>
  readonly probe: Pick<KubeProbe, 'get' | 'post'>
  readonly namespace: string
  readonly tryIn: string
  readonly clock: Clock
  readonly signal: AbortSignal
}

export function createSite({ client, probe, namespace, tryIn, clock, signal }: SiteOptions): Site {
  const lists = new Map<string, Promise<readonly KubeObject[]>>()

  async function listOf(resource: Resource, within: string | undefined): Promise<readonly KubeObject[]> {
    const options = within === undefined ? {} : { namespace: within }
    return await client
      .list<KubeObject>(resource, options, signal)
      .then(({ items }) => items, refused('list', resource, within))
  }

  return Object.freeze({
    namespace,
    tryIn,
    clock,
    async object(resource: Resource, ref: ObjectRef) {
      return await client.get<KubeObject>(resource, ref, signal).catch(refused('get', resource, ref.namespace))
    },
    async objects(resource: Resource, within?: string) {
      const key = `${resource.group}/${resource.plural} ${within}`
      const known = lists.get(key) ?? listOf(resource, within)
      lists.set(key, known)
      return await known
    },
    async page(path: string) {
      const answer = await probe.get(path, signal)
      if (isForbidden(answer)) throw new MayNotLook(`get ${path} (a ClusterRole with nonResourceURLs)`)
      return answer
    },
    async ask({ name, port, scheme }: ServicePort, path: string) {
      const target = `${scheme === undefined ? '' : `${scheme}:`}${name}:${port}`
      const answer = await probe.get(`/api/v1/namespaces/${namespace}/services/${target}/proxy${path}`, signal)
      if (isForbidden(answer)) throw new MayNotLook(`get services/proxy in namespace ${namespace}`)
      return answer
    },
    async tryPod(pod: object) {
      const answer = await probe.post(`/api/v1/namespaces/${tryIn}/pods?dryRun=All`, pod, signal)
      if (isForbidden(answer)) throw new MayNotLook(`create pods in namespace ${tryIn}`)
      return answer
    },
  })
}

function refused(verb: string, { plural, group }: Resource, namespace: string | undefined) {
  return (error: unknown): never => {
    if (!(error instanceof KubeError && error.status === 403)) throw error
    const what = group === '' ? plural : `${plural}.${group}`
    throw new MayNotLook(`${verb} ${what}${namespace === undefined ? '' : ` in namespace ${namespace}`}`)
  }
}

/** RBAC's own refusal. Admission refuses with 403 too, but with a text of its own and without this cause. */
function isForbidden({ status, body }: ProbeAnswer): boolean {
  if (status !== 403) return false
  const { message } = (body ?? {}) as { readonly message?: unknown }
  return typeof message !== 'string' || / cannot [a-z]+ (?:resource|path) /.test(message)
}
