import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyJsonPatch } from './json-patch.ts'
import { applyMergePatch } from './patch.ts'
import { ApiError } from './status.ts'

describe('applyJsonPatch', () => {
  it.each([
    [{ a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    [{ a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    [{ a: [1] }, [{ op: 'add', path: '/a/-', value: [2] }], { a: [1, [2]] }],
    [{ a: 1 }, [{ op: 'add', path: '', value: { b: 2 } }], { b: 2 }],
    [{ a: { b: 1 } }, [{ op: 'remove', path: '/a/b' }], { a: {} }],
    [{ a: [1, 2] }, [{ op: 'remove', path: '/a/0' }], { a: [2] }],
    [{ a: 1 }, [{ op: 'replace', path: '/a', value: null }], { a: null }],
    [{ a: 1 }, [{ op: 'move', from: '/a', path: '/b' }], { b: 1 }],
    [{ a: [1, 2] }, [{ op: 'move', from: '/a/0', path: '/a/1' }], { a: [2, 1] }],
    [{ a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }], { a: { b: 1 }, c: { b: 1 } }],
    [
      { 'a/b': 1, 'm~n': 2 },
      [
        { op: 'test', path: '/a~1b', value: 1 },
        { op: 'remove', path: '/m~0n' },
      ],
      { 'a/b': 1 },
    ],
  ])('%j with %j is %j', (document, patch, expected) => {
    expect(applyJsonPatch(document, patch)).toEqual(expected)
  })

  it.each([
    [{ a: 1 }, [{ op: 'test', path: '/a', value: 2 }], 422],
    [{ a: 1 }, [{ op: 'remove', path: '/b' }], 422],
    [{ a: 1 }, [{ op: 'replace', path: '/b', value: 1 }], 422],
    [{ a: [1] }, [{ op: 'add', path: '/a/2', value: 1 }], 422],
    [{ a: [1] }, [{ op: 'add', path: '/a/01', value: 1 }], 422],
    [{ a: 1 }, [{ op: 'add', path: '/a/b', value: 1 }], 422],
    [{ a: 1 }, [{ op: 'add', path: '/b' }], 400],
    [{ a: 1 }, [{ op: 'add', path: 'b', value: 1 }], 400],
    [{ a: 1 }, [{ op: 'merge', path: '/b' }], 400],
    [{ a: 1 }, { op: 'add' }, 400],
  ])('refuses %j with %j by %i', (document, patch, code) => {
    expect(() => applyJsonPatch(document, patch)).toThrow(
      expect.toSatisfy((error) => error instanceof ApiError && error.code === code),
    )
  })

  it('leaves the document as it was', () => {
    const document = { a: [1] }
    applyJsonPatch(document, [{ op: 'add', path: '/a/-', value: 2 }])

    expect(document).toEqual({ a: [1] })
  })
})

describe('applyMergePatch', () => {
  const withoutNull = fc.object({
    values: [fc.string(), fc.integer(), fc.boolean()],
    maxDepth: 3,
    key: fc.stringMatching(/^[a-z]{1,4}$/),
  })

  it('is idempotent and turns nothing into the patch', () => {
    fc.assert(
      fc.property(withoutNull, withoutNull, (target, patch) => {
        const once = applyMergePatch(target, patch)
        expect(applyMergePatch(once, patch)).toEqual(once)
        expect(applyMergePatch({}, patch)).toEqual(patch)
      }),
    )
  })

  it('removes on null and replaces lists', () => {
    expect(applyMergePatch({ a: { b: 1, c: [1, 2] } }, { a: { b: null, c: [3] } })).toEqual({ a: { c: [3] } })
  })
})
