import type { Logger } from 'pino'
import type { Fresh } from '../../core/io/fresh.ts'
import type { KubeClient } from '../../core/io/kube/api.ts'
import type { PodAdmission } from './admission-review.ts'
import { owningTaskRun } from './admitted-pod.ts'
import { gather } from './gather.ts'
import { type Mutation, mutate, policiesOf } from './mutate.ts'
import { readPolicies } from './policy-facts.ts'
import type { InjectionSettings } from './settings.ts'

export interface DecideDeps {
  readonly kube: Pick<KubeClient, 'get'>
  readonly settings: Pick<Fresh<InjectionSettings>, 'current'>
  readonly log: Pick<Logger, 'info' | 'debug'>
}

/** Gathers what runs and policies say, and judges the pod. @throws what the API server's client throws */
export type Decide = (admission: PodAdmission, signal: AbortSignal) => Promise<Mutation>

export function createDecide({ kube, settings, log }: DecideDeps): Decide {
  return async ({ namespace, pod }, signal) => {
    const maker = owningTaskRun(pod)
    if (maker === undefined) return { kind: 'untouched' }
    const [origin, current] = await Promise.all([
      gather({ namespace, name: maker.name, uid: maker.uid }, kube, signal),
      settings.current(),
    ])
    const policies = await readPolicies(namespace, policiesOf(pod, origin), kube, signal)
    const mutation = mutate(pod, { origin, settings: current, policies })
    const facts = { namespace, pod: pod.metadata.name, task_run: maker.name }
    if (mutation.kind === 'injected') log.info({ ...facts, policies: mutation.policies }, 'sidecar injected')
    else if (mutation.kind === 'refused') log.info({ ...facts, reason: mutation.sentence }, 'pod refused')
    else log.debug(facts, 'pod untouched')
    return mutation
  }
}
