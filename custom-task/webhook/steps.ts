import type { AdmittedPod } from './admitted-pod.ts'
import { stepPrefix } from './names.ts'
import type { PodWishes } from './pod-annotations.ts'
import type { Complaint, TokenAsk } from './token-ask.ts'

/** A step that gets tokens. */
export interface StepPlan {
  /** Position in `spec.containers`. */
  readonly index: number
  /** Name of its container; also that of its directory in the volume. */
  readonly container: string
  readonly tokens: readonly TokenAsk[]
}

export interface PlannedSteps {
  readonly steps: readonly StepPlan[]
  readonly complaints: readonly Complaint[]
}

/** Admission comes before validation: a name that is no DNS label becomes no path of ours. */
const stepContainer = /^step-[a-z0-9](?:[-a-z0-9]{0,56}[a-z0-9])?$/

/** Which step gets which tokens: what the ask says, and the annotation `steps` narrows. */
export function planSteps(
  pod: AdmittedPod,
  asks: readonly TokenAsk[],
  { steps }: Pick<PodWishes, 'steps'>,
): PlannedSteps {
  const places = pod.spec.containers.flatMap(({ name }, index) =>
    stepContainer.test(name) ? [{ index, container: name }] : [],
  )
  const planned = places
    .map((place) => ({
      ...place,
      tokens: asks.filter((ask) => isChosen(place.container, ask.steps) && isChosen(place.container, steps)),
    }))
    .filter((one) => one.tokens.length > 0)
  const homeless = asks.filter((ask) => !planned.some((step) => step.tokens.includes(ask)))
  const complaints = [
    ...unknownSteps(places, [steps, ...asks.map((ask) => ask.steps)]),
    ...homeless.map((ask) => `token ${ask.name} goes into no step: name a step that gets it`),
  ]
  return { steps: planned, complaints }
}

function unknownSteps(
  places: readonly { readonly container: string }[],
  named: readonly (readonly string[] | undefined)[],
): readonly Complaint[] {
  const known = places.map((place) => place.container)
  const unknown = named.flatMap((names) => names ?? []).filter((name) => !known.includes(containerOf(name)))
  const list = known.map((container) => container.slice(stepPrefix.length)).join(', ')
  return [...new Set(unknown)].map((name) => `the task has no step ${name}: its steps are ${list}`)
}

function isChosen(container: string, steps: readonly string[] | undefined): boolean {
  return steps === undefined || steps.some((step) => containerOf(step) === container)
}

/** Tekton cuts names at 63 characters, and what is no letter or digit off their end. */
function containerOf(step: string): string {
  return `${stepPrefix}${step}`.slice(0, 63).replace(/[^A-Za-z0-9]+$/, '')
}
