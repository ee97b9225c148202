import { describe, expect, it } from 'vitest'
import { scopeResourceName } from '../../../core/crd/token-scope.ts'

describe('scopeResourceName', () => {
  it('puts the provider before the scope, as kubectl auth can-i names it', () => {
    expect(scopeResourceName('builtin', 'deploy:staging')).toBe('builtin:deploy:staging')
  })
})
