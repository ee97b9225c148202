import { type KubeClient, KubeError, type Resource, resources } from '../../../core/io/kube/api.ts'
import { markedLabel, revokedAtAnnotation, suspendedByAnnotation } from '../../../core/policy/access-marks.ts'
import { revokedByAnnotation } from '../../../core/tekton/revocation.ts'
import { CommandFailure, exitCodes } from '../command.ts'

/** What the options of `revoke` name, beside a run. */
export const accessTargets = {
  policy: { kind: 'TokenPolicy', resource: resources.tokenPolicies, verbOn: 'tokenpolicies' },
  'cluster-policy': {
    kind: 'ClusterTokenPolicy',
    resource: resources.clusterTokenPolicies,
    verbOn: 'clustertokenpolicies',
  },
  provider: {
    kind: 'ClusterTokenProvider',
    resource: resources.clusterTokenProviders,
    verbOn: 'clustertokenproviders',
  },
  serviceaccount: { kind: 'ServiceAccount', resource: resources.serviceAccounts, verbOn: 'tokenpolicies' },
} as const satisfies Record<string, { readonly kind: string; readonly resource: Resource; readonly verbOn: string }>

export type AccessTarget = keyof typeof accessTargets

export interface AccessName {
  readonly target: AccessTarget
  readonly namespace: string | undefined
  readonly name: string
  /** Nothing more is granted either. */
  readonly suspends: boolean
}

interface Deps {
  readonly kube: Pick<KubeClient, 'get' | 'patch'>
  readonly whoAmI: (signal: AbortSignal) => Promise<string>
  readonly now: Date
}

/**
 * Withdraws what was granted under a policy, by a provider or to a ServiceAccount: writes the person's name on it, which
 * the brokers see by watch.
 *
 * @returns the person's user name
 * @throws CommandFailure with the mend; KubeError, KubeUnreachable
 */
export async function revokeAccess(what: AccessName, deps: Deps, signal: AbortSignal): Promise<string> {
  const { resource, kind, verbOn } = accessTargets[what.target]
  const { namespace, name } = what
  const ref = { name, ...(namespace === undefined ? {} : { namespace }) }
  const user = await deps.whoAmI(signal)
  try {
    await deps.kube.patch(resource, ref, marks(what, user, deps.now), { type: 'merge' }, signal)
    return user
  } catch (cause) {
    if (!(cause instanceof KubeError)) throw cause
    if (cause.status === 404) {
      const mend = `There is no ${kind} ${namespace === undefined ? name : `${namespace}/${name}`}: kubectl get ${resource.plural}.`
      throw new CommandFailure(exitCodes.failed, mend, { cause })
    }
    if (cause.status !== 403 && cause.status !== 422) throw cause
    const where = namespace === undefined ? '' : ` -n ${namespace}`
    throw new CommandFailure(
      exitCodes.denied,
      `You (${user}) may not revoke this: it takes the verb revoke on ${verbOn}.tokenbroker.dev and patch on ` +
        `${resource.plural}; kubectl auth can-i revoke ${verbOn}.tokenbroker.dev${where}`,
      { cause },
    )
  }
}

function marks({ target, suspends }: AccessName, user: string, now: Date): object {
  const annotations = {
    [revokedByAnnotation]: user,
    [revokedAtAnnotation]: now.toISOString(),
    ...(suspends && { [suspendedByAnnotation]: user }),
  }
  if (target === 'serviceaccount') return { metadata: { annotations, labels: { [markedLabel]: 'true' } } }
  return { metadata: { annotations }, ...(suspends && { spec: { suspend: true } }) }
}
