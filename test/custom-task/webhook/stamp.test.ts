import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { initiatorAnnotation, parseInitiator } from '../../../core/identity/initiator.ts'
import { type StampOperation, stamp } from '../../../custom-task/webhook/stamp.ts'

const path = '/metadata/annotations/tokenbroker.dev~1initiator'
const alice = { username: 'alice@example.com', uid: 'u-1' }
const ofAlice = '{"username":"alice@example.com","uid":"u-1"}'
const forged = '{"username":"bob@example.com","uid":""}'

type Annotations = Readonly<Record<string, string>> | null | undefined

function applied(annotations: Annotations, operations: readonly StampOperation[]): Annotations {
  const [operation] = operations
  if (operation === undefined) return annotations
  const { [initiatorAnnotation]: _before, ...others } = annotations ?? {}
  if (operation.op === 'remove') return others
  return operation.path === path
    ? { ...others, [initiatorAnnotation]: operation.value as string }
    : (operation.value as Annotations)
}

describe('stamp', () => {
  it.each<[string, Annotations, readonly StampOperation[]]>([
    [
      'no annotations',
      undefined,
      [{ op: 'add', path: '/metadata/annotations', value: { [initiatorAnnotation]: ofAlice } }],
    ],
    ['null', null, [{ op: 'add', path: '/metadata/annotations', value: { [initiatorAnnotation]: ofAlice } }]],
    ['none of ours', { a: 'b' }, [{ op: 'add', path, value: ofAlice }]],
    ['the name of somebody else', { [initiatorAnnotation]: forged }, [{ op: 'add', path, value: ofAlice }]],
    ['the right name', { [initiatorAnnotation]: ofAlice }, []],
  ])('over %s', (_, annotations, operations) => {
    expect(stamp({ annotations, user: alice })).toEqual(operations)
  })

  it('takes a stamp away where the name of the user cannot be written', () => {
    const user = { username: 'a","uid":"b' }

    expect(stamp({ annotations: { [initiatorAnnotation]: forged }, user })).toEqual([{ op: 'remove', path }])
    expect(stamp({ annotations: { a: 'b' }, user })).toEqual([])
    expect(stamp({ annotations: undefined, user })).toEqual([])
  })

  it('leaves the name of the user or none, whatever stood there, and all else as it was', () => {
    const annotations = fc.oneof(
      fc.constantFrom(undefined, null),
      fc.dictionary(fc.constantFrom(initiatorAnnotation, 'a', 'b'), fc.constantFrom(ofAlice, forged, '', 'x')),
    )
    const user = fc.record({
      username: fc.oneof(fc.constant(alice.username), fc.string({ minLength: 1 })),
      uid: fc.option(fc.constantFrom('u-1', '', '"'), { nil: undefined }),
    })
    fc.assert(
      fc.property(annotations, user, (before, by) => {
        const after = applied(before, stamp({ annotations: before, user: by }))
        const found = parseInitiator(after?.[initiatorAnnotation])
        if (after?.[initiatorAnnotation] !== undefined) expect(found?.username).toBe(by.username)
        for (const other of ['a', 'b']) expect(after?.[other]).toBe(before?.[other])
        expect(stamp({ annotations: after, user: by })).toEqual([])
      }),
    )
  })
})
