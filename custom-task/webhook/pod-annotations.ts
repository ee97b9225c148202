import { name } from '../../core/crd/fields.ts'
import { parseSecondsOrDuration } from '../../core/duration.ts'
import { isPresetName, type PresetName, presetNames } from '../presets.ts'
import { injectMistake } from './inject-mistake.ts'
import { annotationPrefix } from './names.ts'
import type { Complaint, TokenAsk } from './token-ask.ts'
import { unknownAnnotations } from './unknown-annotations.ts'

/** A form in which a token is presented: of the token with this name, or of the only one. */
export interface AskedForm {
  readonly token: string | undefined
  readonly preset: PresetName
}

/** What the annotations of a pod ask for. */
export interface PodWishes {
  readonly asks: readonly TokenAsk[]
  /** Only these steps get a directory; undefined: every step. */
  readonly steps: readonly string[] | undefined
  readonly forms: readonly AskedForm[]
  readonly isOptional: boolean
  readonly waitSeconds: number
  readonly complaints: readonly Complaint[]
}

type Annotations = Readonly<Record<string, string>> | null | undefined

export const maxTokens = 64
const defaultWaitSeconds = 60
const maxWaitSeconds = 3600
const reservedNames: readonly string[] = ['key', 'sidecar.sock']
const stepName = /^[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?$/

/** Whether the pod is to be left alone, whatever its PipelineRun or a TokenExchange task asks for: `inject` is there, and empty. */
export function isOptedOut(annotations: Annotations): boolean {
  return annotationValue(annotations, 'inject') === ''
}

/** Whether the pod asks by annotation. */
export function asksByAnnotation(annotations: Annotations): boolean {
  return (annotationValue(annotations, 'inject') ?? '') !== ''
}

/** Reads `tokenbroker.dev/*`; what cannot be read is complained about, all at once. */
export function readWishes(annotations: Annotations): PodWishes {
  const complaints: Complaint[] = [...unknownAnnotations(annotations)]
  const read = <T>(key: string, parse: (text: string) => T | undefined, expects: string): T | undefined => {
    const text = annotationValue(annotations, key)
    if (text === undefined || text === '') return undefined
    const value = parse(text)
    if (value === undefined) complaints.push(`annotation ${annotationPrefix}${key} must be ${expects}`)
    return value
  }
  const mistake = injectMistake(annotationValue(annotations, 'inject') ?? '')
  const policies = `different policies, each as policy or alias=policy, separated by commas${mistake ? `: ${mistake}` : ''}`
  const forms = `${presetNames.join(', ')}, or name=form where there are several tokens`
  return {
    asks: read('inject', parseAsks, policies) ?? [],
    steps: read('steps', parseSteps, 'names of steps, separated by commas'),
    forms: read('as', parseForms, `one or more of ${forms}`) ?? [],
    isOptional: read('optional', parseBoolean, '"true" or "false"') ?? false,
    waitSeconds: read('wait', parseWait, 'seconds (60) or a Go duration (1m30s), at most 1h') ?? defaultWaitSeconds,
    complaints,
  }
}

function annotationValue(annotations: Annotations, key: string): string | undefined {
  return annotations?.[`${annotationPrefix}${key}`]?.trim()
}

function parseAsks(text: string): readonly TokenAsk[] | undefined {
  return listOf(text, (item) => {
    const [first = '', second, ...rest] = item.split('=')
    const [local, policy] = second === undefined ? [first, first] : [first, second]
    if (rest.length > 0 || !isName(policy) || !isName(local) || reservedNames.includes(local)) return undefined
    return { key: local, value: { ...wholeToken, name: local, policy } }
  })
}

const wholeToken = { audience: undefined, scopes: undefined, steps: undefined, as: [] } as const

function parseSteps(text: string): readonly string[] | undefined {
  return listOf(text, (item) => (stepName.test(item) ? { key: item, value: item } : undefined))
}

function parseForms(text: string): readonly AskedForm[] | undefined {
  return listOf(text, (item) => {
    const at = item.indexOf('=')
    const [token, preset] = at < 0 ? [undefined, item] : [item.slice(0, at), item.slice(at + 1)]
    if (!isPresetName(preset) || (token !== undefined && !isName(token))) return undefined
    return { key: item, value: { token, preset } }
  })
}

function parseBoolean(text: string): boolean | undefined {
  return text === 'true' || text === 'false' ? text === 'true' : undefined
}

function parseWait(text: string): number | undefined {
  const seconds = parseSecondsOrDuration(text)
  return seconds !== undefined && seconds <= maxWaitSeconds ? seconds : undefined
}

/** Items between commas, spaces around them left out; undefined when one is wrong, comes twice, or there are too many. */
function listOf<T>(
  text: string,
  parse: (item: string) => { readonly key: string; readonly value: T } | undefined,
): readonly T[] | undefined {
  const values = new Map<string, T>()
  const items = text.split(',', maxTokens + 1).map((item) => item.trim())
  for (const item of items) {
    const parsed = parse(item)
    if (parsed === undefined || values.has(parsed.key)) return undefined
    values.set(parsed.key, parsed.value)
  }
  return items.length > maxTokens ? undefined : [...values.values()]
}

function isName(text: string): boolean {
  return name.safeParse(text).success
}
