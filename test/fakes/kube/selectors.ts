import type { KubeObject } from '../../../core/io/kube/api.ts'
import { textAt } from './json.ts'
import { badRequest } from './status.ts'

export type Predicate = (object: KubeObject) => boolean

type LabelRule = (labels: Readonly<Record<string, string>>) => boolean

const setPattern = /^([\w./-]+)\s+(in|notin)\s*\(([^()]*)\)$/
const equalityPattern = /^([\w./-]+)\s*(==|=|!=)\s*([\w.-]*)$/
const existsPattern = /^(!?)\s*([\w./-]+)$/

function labelRule(text: string): LabelRule {
  const set = setPattern.exec(text)
  if (set !== null) {
    const [, key = '', operator, list = ''] = set
    const values = list.split(',').map((value) => value.trim())
    return (labels) => values.includes(labels[key] ?? '\0') === (operator === 'in')
  }
  const equality = equalityPattern.exec(text)
  if (equality !== null) {
    const [, key = '', operator, value = ''] = equality
    return (labels) => (labels[key] === value) === (operator !== '!=')
  }
  const exists = existsPattern.exec(text)
  if (exists === null) throw badRequest(`unable to parse requirement: ${text}`)
  const [, not, key = ''] = exists
  return (labels) => key in labels === (not === '')
}

/** Splits at commas outside of parentheses. */
function requirements(selector: string): readonly string[] {
  return selector.split(/,(?![^(]*\))/).map((part) => part.trim())
}

const fields: Readonly<Record<string, (object: KubeObject) => string>> = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace ?? '',
  'spec.nodeName': (object) => textAt(object, 'spec', 'nodeName') ?? '',
  'spec.serviceAccountName': (object) => textAt(object, 'spec', 'serviceAccountName') ?? '',
  'status.phase': (object) => textAt(object, 'status', 'phase') ?? '',
  type: (object) => textAt(object, 'type') ?? '',
  reason: (object) => textAt(object, 'reason') ?? '',
  'involvedObject.kind': (object) => textAt(object, 'involvedObject', 'kind') ?? '',
  'involvedObject.name': (object) => textAt(object, 'involvedObject', 'name') ?? '',
  'involvedObject.namespace': (object) => textAt(object, 'involvedObject', 'namespace') ?? '',
  'involvedObject.uid': (object) => textAt(object, 'involvedObject', 'uid') ?? '',
}

/** Fields that selectors may name; every kind has the first, a few built-in kinds have more. */
const fieldsOfKind: Readonly<Record<string, readonly string[]>> = {
  Pod: ['spec.nodeName', 'spec.serviceAccountName', 'status.phase'],
  Secret: ['type'],
  Namespace: ['status.phase'],
  Event: [
    'type',
    'reason',
    'involvedObject.kind',
    'involvedObject.name',
    'involvedObject.namespace',
    'involvedObject.uid',
  ],
}

function fieldRule(text: string, kind: string): Predicate {
  const [, key = '', operator, value = ''] = /^([\w.]+)(==|=|!=)(.*)$/.exec(text) ?? []
  const known = ['metadata.name', 'metadata.namespace', ...(fieldsOfKind[kind] ?? [])]
  const read = known.includes(key) ? fields[key] : undefined
  if (read === undefined) throw badRequest(`field label not supported: ${key === '' ? text : key}`)
  return (object) => (read(object) === value) === (operator !== '!=')
}

/** The predicate of a request's `labelSelector` and `fieldSelector`. @throws ApiError 400 on a malformed selector */
export function parseSelectors(query: URLSearchParams, kind: string): Predicate {
  const labels = query.get('labelSelector') ?? ''
  const field = query.get('fieldSelector') ?? ''
  const labelRules = labels === '' ? [] : requirements(labels).map(labelRule)
  const fieldRules = field === '' ? [] : field.split(',').map((text) => fieldRule(text, kind))
  if (labelRules.length + fieldRules.length === 0) return () => true
  return (object) =>
    labelRules.every((rule) => rule(object.metadata.labels ?? {})) && fieldRules.every((rule) => rule(object))
}

/** `matchLabels` alone, as aggregated ClusterRoles use it. */
export function matchesLabels(labels: Readonly<Record<string, string>> | undefined, wanted: object): boolean {
  return Object.entries(wanted).every(([key, value]) => labels?.[key] === value)
}
