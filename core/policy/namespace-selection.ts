import type { NamespaceSelector } from '../crd/namespace-selector.ts'

type Labels = Readonly<Record<string, string>>
type Requirement = NonNullable<NamespaceSelector['matchExpressions']>[number]

/**
 * Whether a label selector takes a namespace. No selector takes all; one whose namespace is not known takes none.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements
 */
export function selectsNamespace(selector: NamespaceSelector | undefined, labels: Labels | undefined): boolean {
  if (selector === undefined) return true
  if (labels === undefined) return false
  const { matchLabels = {}, matchExpressions = [] } = selector
  return (
    Object.entries(matchLabels).every(([key, value]) => labelOf(labels, key) === value) &&
    matchExpressions.every((requirement) => holds(requirement, labels))
  )
}

function holds({ key, operator, values = [] }: Requirement, labels: Labels): boolean {
  const value = labelOf(labels, key)
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
  }
}

function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined
}
