import { describe, expect, it } from 'vitest'
import { kinds } from '../../../core/crd/kinds.ts'
import { ruleChecks } from './own-kinds.ts'

describe('ruleChecks', () => {
  it.each(kinds.flatMap((kind) => kind.rules.map(({ rule }) => [kind.kind, rule] as const)))(
    'enforces the rule of %s: %s',
    (_kind, rule) => {
      expect(ruleChecks, 'write this rule as a function in test/fakes/kube/own-kinds.ts').toHaveProperty([rule])
    },
  )
})
