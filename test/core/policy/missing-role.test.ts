import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { missingRole, scalar } from '../../../core/policy/missing-role.ts'

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

  it('is read back as it was meant, whatever the names are', () => {
    const name = fc.oneof(
      fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,10}[a-z0-9])?$/),
      fc.constantFrom('no', '1e5', '0x1f'),
    )
    fc.assert(
      fc.property(name, (text) => {
        expect(parse(`key: ${scalar(text)}`)).toEqual({ key: text })
      }),
    )
  })
})
