import type { Policy, PolicySubject } from '../../core/policy/allowance.ts'
import { selectsNamespace } from '../../core/policy/namespace-selection.ts'
import type { SelectingPolicy } from './parse-objects.ts'

interface Deps {
  readonly own: (namespace: string) => readonly Policy[]
  /** Of all TokenPolicies that are there, also of those that cannot be read. */
  readonly ownNames: (namespace: string) => readonly string[]
  readonly selecting: () => readonly SelectingPolicy[]
  readonly labels: (namespace: string) => PolicySubject['namespaceLabels']
}

/** The policies of each namespace that was asked for, each list kept until something of it changes. */
export interface NamespacePolicies {
  policies(namespace: string): readonly Policy[]
  /** Forgets the list of one namespace, or of all. */
  forget(namespace?: string): void
}

/**
 * Puts TokenPolicies and ClusterTokenPolicies together. In a namespace a TokenPolicy comes before a ClusterTokenPolicy of
 * its name, which is how a team narrows one, and goes on to do so where it cannot be read; another name adds to it, as
 * roles do.
 */
export function createNamespacePolicies({ own, ownNames, selecting, labels }: Deps): NamespacePolicies {
  // Every exchange asks for one.
  const known = new Map<string, readonly Policy[]>()

  function merged(namespace: string): readonly Policy[] {
    const names = new Set(ownNames(namespace))
    const found = labels(namespace)
    const others = selecting()
      .filter(({ name, namespaceSelector }) => !names.has(name) && selectsNamespace(namespaceSelector, found))
      .map((policy) => ({ ...policy, namespace }))
    return [...own(namespace), ...others]
  }

  return Object.freeze({
    policies(namespace: string): readonly Policy[] {
      const list = known.get(namespace) ?? merged(namespace)
      known.set(namespace, list)
      return list
    },
    forget(namespace?: string): void {
      if (namespace === undefined) known.clear()
      else known.delete(namespace)
    },
  })
}
