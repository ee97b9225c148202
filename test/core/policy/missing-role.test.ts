import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
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
      expect.stringMatching(/^Role deploy-[0-9a-f]{8}$/),
      `RoleBinding ${objects[0].metadata.name}`,
      expect.stringMatching(/^Role deploy-[0-9a-f]{8}$/),
      `RoleBinding ${objects[2].metadata.name}`,
    ])
    expect(objects[1].subjects.map((one: { name: string }) => one.name)).toEqual(['a', 'b'])
  })

  it('gives another account, and other scopes, other names: to apply one takes nothing from another', () => {
    const grants = [
      ['a', 'builtin:x'],
      ['b', 'builtin:x'],
      ['a', 'builtin:y'],
    ] as const
    const names = grants.map(
      ([serviceAccount, resourceName]) =>
        parse(missingRole('deploy', 'payments', [{ serviceAccount, resourceName }]).split('---')[0] ?? '').metadata
          .name,
    )

    expect(new Set(names).size).toBe(3)
  })
})
