import type { Form, FormCase, TokenPlace } from '../form.ts'
import { formOf } from '../presets.ts'
import type { PodContainer } from './admitted-pod.ts'
import { localUrl, tokenRoot, tokenVolume } from './names.ts'
import type { StepPlan } from './steps.ts'
import type { Complaint, TokenAsk } from './token-ask.ts'

interface Variable {
  readonly name: string
  readonly value: string
}

export interface StepChanges {
  /** All variables of the container: ours first, so that its own may refer to them. */
  readonly env: readonly object[]
  readonly volumeMounts: readonly object[]
  readonly complaints: readonly Complaint[]
}

/** Of the step's directory alone, so that it sees no token, key or socket of another step. */
export function stepMount(container: string): {
  readonly name: string
  readonly mountPath: string
  readonly subPath: string
  readonly readOnly: true
} {
  return { name: tokenVolume, mountPath: tokenRoot, subPath: container, readOnly: true }
}

/**
 * What a step gets. A variable of ours takes the place of one that the step or a podTemplate sets: whoever asks for
 * tokens in the form of a tool wants the tool to find them.
 */
export function changeStep(container: PodContainer, plan: StepPlan): StepChanges {
  const before = container.env ?? []
  const known = new Map(before.map((variable) => [variable.name, variable.value]))
  const { variables, complaints } = variablesOf(plan, known)
  const names = new Set(variables.map((variable) => variable.name))
  return {
    env: [...variables, ...before.filter((variable) => !names.has(variable.name))],
    volumeMounts: [...(container.volumeMounts ?? []), stepMount(plan.container)],
    complaints,
  }
}

/** One token in one form, for one step. */
interface Presented {
  readonly form: Form
  readonly place: TokenPlace
  readonly subject: FormCase
}

function variablesOf(
  { container, tokens }: StepPlan,
  known: ReadonlyMap<string, string | null | undefined>,
): { readonly variables: readonly Variable[]; readonly complaints: readonly Complaint[] } {
  const presented = tokens.flatMap((token) => presentedIn(token, new Set(known.keys())))
  const git = gitVariables(presented, known)
  const all = [
    ...entries({ TOKENBROKER_DIR: tokenRoot, TOKENBROKER_URL: localUrl }),
    ...(tokens.length === 1 ? tokens.flatMap((token) => onlyToken(placeOf(token.name))) : []),
    ...joinedLists(presented.flatMap(({ form, place, subject }) => entries(form.env(place, subject)))),
  ]
  const values = new Map(all.map(({ name, value }) => [name, value]))
  const clashing = all.filter(({ name, value }) => values.get(name) !== value).map(({ name }) => name)
  const complaints = [
    ...presented.flatMap(({ form, place, subject }) => {
      const complaint = form.judge(subject)
      return complaint === undefined ? [] : [`token ${place.name}: ${complaint}`]
    }),
    ...[...new Set(clashing)].map(
      (name) => `step container ${container} would need two values of ${name}: present one token only in that form`,
    ),
  ]
  if (git === undefined) {
    complaints.push(`step container ${container} sets GIT_CONFIG_COUNT to something that is no number: remove it`)
  }
  return { variables: [...entries(Object.fromEntries(values)), ...(git ?? [])], complaints }
}

function presentedIn({ name, as, target }: TokenAsk, ownVariables: ReadonlySet<string>): readonly Presented[] {
  if (target === undefined) return []
  return as.map((preset) => ({ form: formOf(preset), place: placeOf(name), subject: { ...target, ownVariables } }))
}

/** Variables that name several files: kubectl merges them. */
const separators: ReadonlyMap<string, string> = new Map([['KUBECONFIG', ':']])

function joinedLists(variables: readonly Variable[]): readonly Variable[] {
  const values = (name: string) => variables.filter((one) => one.name === name).map((one) => one.value)
  return variables.map(({ name, value }) => {
    const separator = separators.get(name)
    return { name, value: separator === undefined ? value : values(name).join(separator) }
  })
}

function onlyToken({ directory }: TokenPlace): readonly Variable[] {
  return entries({ TOKENBROKER_TOKEN_FILE: `${directory}/token`, TOKENBROKER_HEADER_FILE: `${directory}/header` })
}

/** Behind the settings that the step has; undefined when it does not say how many those are. */
function gitVariables(
  presented: readonly Presented[],
  known: ReadonlyMap<string, string | null | undefined>,
): readonly Variable[] | undefined {
  const settings = presented.flatMap(({ form, place, subject }) => form.gitConfig?.(place, subject) ?? [])
  if (settings.length === 0) return []
  const counted = known.has('GIT_CONFIG_COUNT') ? known.get('GIT_CONFIG_COUNT') : '0'
  if (!counted || !/^\d{1,3}$/.test(counted)) return undefined
  const first = Number(counted)
  return [
    { name: 'GIT_CONFIG_COUNT', value: String(first + settings.length) },
    ...settings.flatMap(([key, value], i) =>
      entries({ [`GIT_CONFIG_KEY_${first + i}`]: key, [`GIT_CONFIG_VALUE_${first + i}`]: value }),
    ),
  ]
}

function placeOf(name: string): TokenPlace {
  return { directory: `${tokenRoot}/${name}`, keyFile: `${tokenRoot}/key`, url: localUrl, name }
}

function entries(values: Readonly<Record<string, string>>): readonly Variable[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }))
}
