import type { AdmittedPod, PodContainer } from './admitted-pod.ts'
import type { Origin } from './gather.ts'
import { isInjectedAlready } from './injected-already.ts'
import { type ChangedStep, type PatchOperation, patchOf } from './json-patch.ts'
import { annotationPrefix } from './names.ts'
import { ourParts } from './our-containers.ts'
import { asksByAnnotation, isOptedOut, maxTokens, type PodWishes, readWishes } from './pod-annotations.ts'
import type { KnownPolicies } from './policy-facts.ts'
import { withForms, withTargets } from './presented.ts'
import type { InjectionSettings } from './settings.ts'
import { maxConfigBytes, sidecarConfig } from './sidecar-config.ts'
import { changeStep } from './step-changes.ts'
import { planSteps, type StepPlan } from './steps.ts'
import { type Complaint, mergeAsks, type TokenAsk } from './token-ask.ts'
import { meansToAsk } from './unknown-annotations.ts'
import { collisions, exposures, holdsOurNames } from './unsafe-pod.ts'

/** What is to become of a pod. */
export type Mutation =
  /** It asks for nothing, or has what it asks for. */
  | { readonly kind: 'untouched' }
  /** It cannot be had as asked; one sentence that says the mend. */
  | { readonly kind: 'refused'; readonly sentence: string }
  | { readonly kind: 'injected'; readonly patch: readonly PatchOperation[]; readonly policies: readonly string[] }

export interface MutationContext {
  readonly origin: Origin
  readonly settings: InjectionSettings
  /** Those that `policiesOf` named. */
  readonly policies: KnownPolicies
}

const untouched: Mutation = { kind: 'untouched' }
const maxSteps = 64
/** Names in it may be long where somebody means to make them so. */
const maxSentenceLength = 1024

/** Pod in, JSON patch out. Pure; applied to its own result it changes nothing. */
export function mutate(pod: AdmittedPod, { origin, settings, policies }: MutationContext): Mutation {
  const asked = readAsked(pod, origin)
  if (asked === undefined) return untouched
  const bound = withTargets(asked.asks, policies)
  const wrong = [...asked.complaints, ...bound.complaints]
  if (wrong.length > 0) return refused(wrong)
  return place(pod, { asks: bound.asks, wishes: asked.wishes, settings })
}

/** The policies that the pod asks for, each once: what has to be read before it can be judged. */
export function policiesOf(pod: AdmittedPod, origin: Origin): readonly string[] {
  const asked = readAsked(pod, origin)
  if (asked === undefined || asked.complaints.length > 0) return []
  return [...new Set(asked.asks.map((ask) => ask.policy))].slice(0, maxTokens)
}

interface Asked {
  readonly asks: readonly TokenAsk[]
  readonly wishes: PodWishes
  readonly complaints: readonly Complaint[]
}

/** @returns undefined when the pod is none of our business */
function readAsked(pod: AdmittedPod, origin: Origin): Asked | undefined {
  const { annotations } = pod.metadata
  if (isOptedOut(annotations)) return undefined
  const fromPipeline = origin.kind === 'known' ? origin.fromPipeline : { asks: [], complaints: [] }
  const isAskedHere = asksByAnnotation(annotations) || meansToAsk(annotations)
  const isAsked = isAskedHere || fromPipeline.asks.length + fromPipeline.complaints.length > 0
  if (!isAsked) return undefined

  const wishes = readWishes(annotations)
  if (origin.kind === 'unknown') {
    return { asks: [], wishes, complaints: ['the pod names a TaskRun that does not exist: let Tekton make it'] }
  }
  const merged = mergeAsks([...wishes.asks, ...fromPipeline.asks])
  const formed = withForms(merged.asks, wishes.forms)
  const complaints = [...wishes.complaints, ...fromPipeline.complaints, ...merged.complaints, ...formed.complaints]
  return { asks: formed.asks, wishes, complaints }
}

interface Placement {
  readonly asks: readonly TokenAsk[]
  readonly wishes: PodWishes
  readonly settings: InjectionSettings
}

function place(pod: AdmittedPod, { asks, wishes, settings }: Placement): Mutation {
  const { steps, complaints } = planSteps(pod, asks, wishes)
  if (complaints.length > 0) return refused(complaints)
  if (asks.length > maxTokens || steps.length > maxSteps) {
    return refused([`a pod takes at most ${maxTokens} tokens and ${maxSteps} steps with tokens: split the task`])
  }
  const exposing = exposures(pod, settings.audience)
  const isDone = holdsOurNames(pod) && isInjectedAlready(pod, steps)
  const reasons = isDone ? exposing : [...exposing, ...collisions(pod, steps)]
  if (reasons.length > 0) return refused(reasons)
  if (isDone) return untouched
  return inject(pod, steps, { asks, wishes, settings })
}

function inject(pod: AdmittedPod, steps: readonly StepPlan[], { asks, wishes, settings }: Placement): Mutation {
  const { isOptional, waitSeconds } = wishes
  const config = sidecarConfig(steps, settings, isOptional)
  if (Buffer.byteLength(config) > maxConfigBytes) {
    return refused(['the tokens of the pod make too long a configuration: ask for fewer, or in fewer steps'])
  }
  const changed = changedSteps(pod.spec.containers, steps)
  const complaints = changed.flatMap((step) => step.changes.complaints)
  if (complaints.length > 0) return refused(complaints)
  const deliveries = steps.flatMap((step) => step.tokens).reduce((sum, { as }) => sum + 1 + as.length / 2, 0)
  const parts = ourParts({ config, deliveries, waitSeconds, isOptional }, settings)
  const policies = [...new Set(asks.map((ask) => ask.policy))]
  return { kind: 'injected', patch: patchOf(pod, parts, changed), policies }
}

function changedSteps(containers: readonly PodContainer[], steps: readonly StepPlan[]): readonly ChangedStep[] {
  return steps.flatMap((step) => {
    const container = containers[step.index]
    return container === undefined ? [] : [{ index: step.index, changes: changeStep(container, step) }]
  })
}

function refused(complaints: readonly Complaint[]): Mutation {
  const text = [...new Set(complaints)].join('; ').slice(0, maxSentenceLength)
  // The name of an annotation is spelt as it is, also where it begins the sentence.
  const first = text.startsWith(annotationPrefix) ? text.charAt(0) : text.charAt(0).toUpperCase()
  return { kind: 'refused', sentence: `${first}${text.slice(1)}` }
}
