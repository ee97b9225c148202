import { describe, expect, it } from 'vitest'
import { changedAt } from '../../../core/admission/changed-at.ts'

const at = (hour: number) => `2026-03-01T${String(hour).padStart(2, '0')}:00:00Z`
const label = ['f:metadata', 'f:labels', 'f:tokenbroker.dev/verified']
const labelled = { 'f:metadata': { 'f:labels': { '.': {}, 'f:tokenbroker.dev/verified': {} } } }

describe('changedAt', () => {
  it.each<[string, unknown, readonly string[], string | undefined]>([
    ['the last of several writers', [{ time: at(2) }, { time: at(5) }, { time: at(3) }], [], at(5)],
    ['nothing of a status', [{ time: at(2) }, { time: at(5), subresource: 'status' }], [], at(2)],
    ['the creation where a writer says an earlier time', [{ time: at(0) }], [], at(1)],
    ['the writer of a label', [{ time: at(5) }, { time: at(3), fieldsV1: labelled }], label, at(3)],
    [
      'the last writer of a label',
      [
        { time: at(4), fieldsV1: labelled },
        { time: at(3), fieldsV1: labelled },
      ],
      label,
      at(4),
    ],
    ['nothing where nobody wrote the label', [{ time: at(5), fieldsV1: { 'f:metadata': {} } }], label, undefined],
    ['nothing of who applied what was there already', [{ time: at(3) }, { manager: 'helm' }], [], at(3)],
    ['nothing where nobody says a time', [{ manager: 'helm' }], [], undefined],
    ['nothing where there are no notes', undefined, [], undefined],
    ['nothing where the notes are empty', [], [], undefined],
    ['nothing where a time is none', [{ time: 'soon' }], [], undefined],
  ])('says %s', (_what, managedFields, path, expected) => {
    const found = changedAt({ creationTimestamp: at(1), managedFields }, path)

    expect(found).toEqual(expected && new Date(expected))
  })

  it('says nothing of an object without a creation', () => {
    expect(changedAt({ managedFields: [{ time: at(2) }], creationTimestamp: 'never' })).toBeUndefined()
  })
})
