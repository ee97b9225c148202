import type { Clock } from '../../core/clock.ts'
import { type KubeClient, resources } from '../../core/io/kube/api.ts'
import { controllerOf } from '../../core/tekton/fields.ts'
import { type PipelineRun, parsePipelineRun } from '../../core/tekton/pipeline-run.ts'
import type { Attempts } from './attempts.ts'
import type { Observed, Owner } from './observed.ts'
import type { OurRun } from './our-run.ts'
import { areConsumersRunning } from './secrets/consumers.ts'
import { isAnyRenewalDue } from './secrets/plan-secrets.ts'

export interface ObserveDeps {
  readonly kube: Pick<KubeClient, 'get'>
  /** From the cache; undefined when it is not there (yet). */
  readonly cachedPipelineRun: (ref: { readonly namespace: string; readonly name: string }) => PipelineRun | undefined
  readonly attempts: Attempts
  readonly secretDelivery: boolean
  readonly clock: Clock
}

/** Collects all that a plan rests on. */
export async function observe(run: OurRun, deps: ObserveDeps, signal: AbortSignal): Promise<Observed> {
  const { customRun, specHash } = run
  const { attempts, secretDelivery } = deps
  const owner = await findOwner(run, deps, signal)
  const isDue = isAnyRenewalDue(run, deps.clock())
  return {
    customRun,
    specHash,
    owner,
    attempt: attempts.current(run),
    secretDelivery,
    areConsumersRunning: isDue && (await areConsumersRunning({ customRun, owner }, deps.kube, signal)),
  }
}

async function findOwner({ customRun }: OurRun, deps: ObserveDeps, signal: AbortSignal): Promise<Owner> {
  const owner = controllerOf(customRun.metadata)
  if (owner?.apiVersion !== 'tekton.dev/v1' || owner.kind !== 'PipelineRun') return { kind: 'none' }
  const { namespace } = customRun.metadata
  const run = { namespace, kind: 'PipelineRun', name: owner.name, uid: owner.uid } as const
  const ref = { namespace, name: owner.name }

  const cached = deps.cachedPipelineRun(ref)
  if (cached?.metadata.uid === owner.uid) return { kind: 'present', run, pipelineRun: cached }
  // The cache may be behind; only the API server itself may say that a run is gone.
  const object = await deps.kube.get(resources.pipelineRuns, ref, signal)
  if (object === undefined || object.metadata.uid !== owner.uid) return { kind: 'gone', run }
  const pipelineRun = parsePipelineRun(object)
  if (pipelineRun === undefined) throw new TypeError('the PipelineRun has a shape that this version does not know')
  return { kind: 'present', run, pipelineRun }
}
