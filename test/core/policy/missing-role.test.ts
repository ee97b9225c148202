import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { missingRole } from '../../../core/policy/missing-role.ts'

describe('missingRole', () => {
  it('makes one pair for accounts that lack the same, and another for those that lack something else', () => {
    const lacking = [
      { serviceAccount: 'a', resourceName: 'builtin:x' },
      { serviceAccount: 'b', resourceName: 'builtin:x' },
      { serviceAccount: 'c', resourceName: 'builtin:y' },
    ]

    const objects = parseAllDocuments(missingRole('deploy', 'payments', lacking)).map((one) => one.toJS())

    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'Role deploy',
      'RoleBinding deploy',
      'Role deploy-2',
      'RoleBinding deploy-2',
    ])
    expect(objects[1].subjects.map((one: { name: string }) => one.name)).toEqual(['a', 'b'])
  })
})
