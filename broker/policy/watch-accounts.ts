import type { Logger } from 'pino'
import { type KubeClient, type KubeObject, resources } from '../../core/io/kube/api.ts'
import { createInformer, type Informer } from '../../core/io/kube/informer.ts'
import { accessMarks, markedLabel } from '../../core/policy/access-marks.ts'
import type { AccessObject } from '../../core/policy/access-object.ts'

export interface AccountsDeps {
  readonly kube: Pick<KubeClient, 'list' | 'watch'>
  readonly log: Logger
  readonly onPut: (object: AccessObject) => void
  readonly onRemove: (object: AccessObject) => void
}

/**
 * Follows the ServiceAccounts that a person marked; of all others nothing is asked, as the API server filters by label.
 */
export function watchAccounts({ kube, log, onPut, onRemove }: AccountsDeps): Informer<AccessObject> {
  return createInformer({
    client: kube,
    resource: resources.serviceAccounts,
    list: { labelSelector: markedLabel },
    parse: parseAccount,
    onChange: ({ kind, value }) => (kind === 'deleted' ? onRemove(value) : onPut(value)),
    log,
  })
}

function parseAccount({ metadata }: KubeObject): AccessObject {
  const { name, namespace = '', uid, generation = 1 } = metadata
  const marks = accessMarks(metadata)
  const isSuspended = marks.suspendedBy !== undefined
  return { kind: 'ServiceAccount', namespace, name, uid, generation, digest: '', provider: '', isSuspended, marks }
}
