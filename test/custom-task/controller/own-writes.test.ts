import { describe, expect, it } from 'vitest'
import { createOwnWrites } from '../../../custom-task/controller/own-writes.ts'
import { observe } from './observation.ts'

const version = (resourceVersion: string) => ({ customRun: observe().customRun, resourceVersion, specHash: 'h1' })
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(version)

describe('OwnWrites', () => {
  it.each([
    ['before our first write', a, c],
    ['between our writes', b, c],
    ['at our last write', c, c],
    ["at somebody else's write after ours", d, d],
  ])('with the cache %s, works on the newest', (_, cached, newest) => {
    const ownWrites = createOwnWrites()
    if (!a || !b || !c || !cached) throw new TypeError('no versions')
    ownWrites.wrote(a, b)
    ownWrites.wrote(b, c)

    expect(ownWrites.newest(cached)).toBe(newest)
  })

  it('takes the cache at its word once it has caught up', () => {
    const ownWrites = createOwnWrites()
    if (!a || !b) throw new TypeError('no versions')
    ownWrites.wrote(a, b)
    ownWrites.newest(b)

    expect(ownWrites.newest(a)).toBe(a)
  })
})
