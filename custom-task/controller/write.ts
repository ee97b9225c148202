import { type KubeClient, type KubeObject, type PatchOptions, resources } from '../../core/io/kube/api.ts'
import { type OurRun, readOurRun } from './our-run.ts'
import type { OwnWrites } from './own-writes.ts'
import { runEndFinalizer } from './plan-end.ts'
import type { HeldSecret } from './secrets/held-secret.ts'
import type { StatusPatch } from './step.ts'

/** Writes to a CustomRun; each takes the form that the plan was made for and returns the form after it. */
export interface Write {
  status(run: OurRun, status: StatusPatch, signal: AbortSignal): Promise<OurRun>
  /** Notes the Secrets in the status, and touches nothing else of it. */
  secrets(run: OurRun, secrets: readonly HeldSecret[], signal: AbortSignal): Promise<OurRun>
  hold(run: OurRun, signal: AbortSignal): Promise<OurRun>
  release(run: OurRun, signal: AbortSignal): Promise<OurRun>
}

interface Change {
  readonly finalizers?: readonly string[]
  readonly status?: StatusPatch | { readonly extraFields: { readonly secrets: readonly HeldSecret[] } }
}

/**
 * Every write names the resource version that it follows, so that a plan made for an older form (before a cancellation,
 * say) is refused: each method throws KubeError 409 then, and 404 when the CustomRun is gone.
 */
export function createWrite(kube: Pick<KubeClient, 'patch'>, ownWrites: OwnWrites): Write {
  async function patch(run: OurRun, { finalizers, status }: Change, signal: AbortSignal): Promise<OurRun> {
    const { namespace, name } = run.customRun.metadata
    const metadata = { resourceVersion: run.resourceVersion, ...(finalizers === undefined ? {} : { finalizers }) }
    const body = { metadata, ...(status === undefined ? {} : { status }) }
    const options: PatchOptions = status === undefined ? { type: 'merge' } : { type: 'merge', subresource: 'status' }
    const object = await kube.patch<KubeObject>(resources.customRuns, { namespace, name }, body, options, signal)
    const written = readOurRun(object)
    if (written === undefined) throw new TypeError('the API server answered with something that is no TokenExchange')
    ownWrites.wrote(run, written)
    return written
  }

  return Object.freeze({
    status: (run: OurRun, status: StatusPatch, signal: AbortSignal) => patch(run, { status }, signal),
    secrets: (run: OurRun, secrets: readonly HeldSecret[], signal: AbortSignal) =>
      patch(run, { status: { extraFields: { secrets } } }, signal),
    hold: (run: OurRun, signal: AbortSignal) =>
      patch(run, { finalizers: [...run.customRun.metadata.finalizers, runEndFinalizer] }, signal),
    release: (run: OurRun, signal: AbortSignal) =>
      patch(run, { finalizers: run.customRun.metadata.finalizers.filter((one) => one !== runEndFinalizer) }, signal),
  })
}
