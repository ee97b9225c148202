import { describe, expect, it } from 'vitest'
import { selectsNamespace } from '../../../core/policy/namespace-selection.ts'

const labels = { team: 'a', tier: 'prod' }

function expression(key: string, operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', values?: string[]) {
  return { matchExpressions: [{ key, operator, ...(values && { values }) }] }
}

describe('selectsNamespace', () => {
  it.each([
    ['no selector', undefined, true],
    ['an empty one', {}, true],
    ['a label it has', { matchLabels: { team: 'a' } }, true],
    ['labels of which it has one', { matchLabels: { team: 'a', tier: 'dev' } }, false],
    ['a label of the prototype', { matchLabels: { constructor: 'x' } }, false],
    ['In', expression('team', 'In', ['a', 'b']), true],
    ['In of others', expression('team', 'In', ['b']), false],
    ['In of nothing', expression('team', 'In'), false],
    ['In of a label it lacks', expression('zone', 'In', ['a']), false],
    ['NotIn', expression('team', 'NotIn', ['b']), true],
    ['NotIn of its own', expression('team', 'NotIn', ['a']), false],
    ['NotIn of a label it lacks', expression('zone', 'NotIn', ['a']), true],
    ['Exists', expression('team', 'Exists'), true],
    ['Exists of a label it lacks', expression('toString', 'Exists'), false],
    ['DoesNotExist', expression('zone', 'DoesNotExist'), true],
    ['DoesNotExist of a label it has', expression('team', 'DoesNotExist'), false],
    [
      'labels and expressions of which one fails',
      { matchLabels: { team: 'a' }, ...expression('tier', 'NotIn', ['prod']) },
      false,
    ],
  ])('with %s', (_what, selector, expected) => {
    expect(selectsNamespace(selector, labels)).toBe(expected)
  })

  it('takes no namespace that is not known, unless it takes all', () => {
    expect(selectsNamespace({}, undefined)).toBe(false)
    expect(selectsNamespace(undefined, undefined)).toBe(true)
  })
})
