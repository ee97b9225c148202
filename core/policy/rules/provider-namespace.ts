import { selectsNamespace } from '../namespace-selection.ts'
import type { Rule } from '../rule.ts'

export const providerNamespace = {
  name: 'provider-namespace',
  explain: 'The provider is there for the namespace.',
  check({ subject, provider }) {
    if (selectsNamespace(provider.spec.namespaceSelector, subject.namespaceLabels)) return undefined
    const detail = `namespaceSelector of provider ${provider.name} does not take namespace ${subject.namespace}`
    return { reason: 'provider_namespace', detail }
  },
} satisfies Rule
