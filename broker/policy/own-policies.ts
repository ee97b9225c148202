import type { Logger } from 'pino'
import { type KubeClient, type KubeObject, resources } from '../../core/io/kube/api.ts'
import { createInformer, type Informer } from '../../core/io/kube/informer.ts'
import type { AccessObject } from '../../core/policy/access-object.ts'
import type { Policy } from '../../core/policy/allowance.ts'
import { parsePolicy, type Watched } from './parse-objects.ts'

interface Deps {
  readonly kube: Pick<KubeClient, 'list' | 'watch'>
  readonly log: Logger
  /** Told of every policy that comes, changes or goes; one that cannot be read any more goes. */
  readonly onAccess: (kind: 'put' | 'remove', object: AccessObject) => void
  /** Told of every change, also of what cannot be read. */
  readonly onChange: (namespace: string, policy: Policy | undefined) => void
}

/** The TokenPolicies of a cluster. */
export interface OwnPolicies {
  readonly informer: Informer<unknown>
  get(ref: { readonly namespace: string; readonly name: string }): Watched<Policy> | undefined
  list(namespace?: string): readonly Policy[]
  /** Of all that are there, also of those that cannot be read. */
  names(namespace: string): readonly string[]
}

/** What is kept of a policy that cannot be read: it allows nothing. */
interface Unreadable {
  readonly namespace: string
  readonly name: string
  readonly value?: undefined
}

type Kept = Watched<Policy> | Unreadable

/**
 * Follows the TokenPolicies of a cluster. One that cannot be read, such as one of a later version, is remembered by its
 * name: it was written to come before a ClusterTokenPolicy, which must not allow more because of that.
 */
export function followOwnPolicies({ kube, log, onAccess, onChange }: Deps): OwnPolicies {
  const informer = createInformer<Kept>({
    client: kube,
    resource: resources.tokenPolicies,
    parse: (object) => parseOr(object, log),
    onChange(change) {
      const { kind, value: kept } = change
      if (isReadable(kept)) onAccess(kind === 'deleted' ? 'remove' : 'put', kept.access)
      else if (kind === 'updated' && isReadable(change.previous)) onAccess('remove', change.previous.access)
      onChange(isReadable(kept) ? kept.value.namespace : kept.namespace, kept.value)
    },
    log,
  })
  return Object.freeze({
    informer,
    get(ref: { readonly namespace: string; readonly name: string }) {
      const kept = informer.get(ref)
      return kept && isReadable(kept) ? kept : undefined
    },
    list: (namespace?: string) => informer.list(namespace).flatMap(({ value }) => value ?? []),
    names: (namespace: string) =>
      informer.list(namespace).map((kept) => (isReadable(kept) ? kept.value.name : kept.name)),
  })
}

function parseOr(object: KubeObject, log: Logger): Kept {
  try {
    return parsePolicy(object)
  } catch (err) {
    const { name, namespace = '' } = object.metadata
    log.warn({ err, resource: resources.tokenPolicies.plural, namespace, object: name }, 'object is not usable')
    return { namespace, name }
  }
}

function isReadable(kept: Kept): kept is Watched<Policy> {
  return kept.value !== undefined
}
