import { canaryPolicy } from '../../core/admission/policies.ts'
import { type KubeClient, KubeError, resources } from '../../core/io/kube/api.ts'

/** What the API server made of an object that only Tekton may make. */
export type CanaryAnswer =
  | { readonly kind: 'denied' }
  | { readonly kind: 'admitted' }
  /** It proves nothing: why, for operators. */
  | { readonly kind: 'unknown'; readonly why: string }

interface Canary {
  /** Where it is tried: the broker may create CustomRuns in this one namespace. */
  readonly namespace: string
  readonly release: string
}

const nobody = '00000000-0000-0000-0000-000000000000'

/**
 * Asks the API server by dry run for a CustomRun that says to be the child of a run, as an attacker would plant it. A list of
 * policies says what should be enforced; this says that it is. A CustomRun, since the right to create one in the broker's own
 * namespace is worth nothing, while that to create pods is worth every ServiceAccount there.
 */
export async function tryCanary(
  kube: Pick<KubeClient, 'wouldCreate'>,
  { namespace, release }: Canary,
  signal: AbortSignal,
): Promise<CanaryAnswer> {
  try {
    await kube.wouldCreate(resources.customRuns, forgedChild(namespace, release), signal)
    return { kind: 'admitted' }
  } catch (error) {
    if (!(error instanceof KubeError)) return { kind: 'unknown', why: 'the API server gave no answer' }
    if (error.deniedBy === `${release}-${canaryPolicy}`) return { kind: 'denied' }
    if (error.deniedBy !== undefined) return { kind: 'unknown', why: `policy ${error.deniedBy} refused it first` }
    const right = `the broker needs create customruns.tekton.dev in namespace ${namespace}`
    return { kind: 'unknown', why: error.status === 403 ? right : `the API server answered ${error.status}` }
  }
}

function forgedChild(namespace: string, release: string): object {
  const parent = { apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', name: `${release}-canary`, uid: nobody }
  return {
    apiVersion: 'tekton.dev/v1beta1',
    kind: 'CustomRun',
    metadata: { name: `${release}-canary`, namespace, ownerReferences: [{ ...parent, controller: true }] },
    spec: { customRef: { apiVersion: 'canary.tokenbroker.dev/v1', kind: 'Canary' } },
  }
}
