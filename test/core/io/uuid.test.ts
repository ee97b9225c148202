import { describe, expect, it } from 'vitest'
import { createUuidV7 } from '../../../core/io/uuid.ts'

const clock = () => new Date('2026-03-01T12:00:00.123Z')

describe('createUuidV7', () => {
  it('makes a UUID of version 7 and variant 10 with the time in front', () => {
    const newId = createUuidV7(clock, (bytes) => bytes.fill(0xff))

    expect(newId()).toBe('019ca945-0a7b-7fff-bfff-ffffffffffff')
  })

  it('makes another one each time, beyond the random bytes fetched at once', () => {
    const newId = createUuidV7(clock)
    const ids = Array.from({ length: 2000 }, newId)

    expect(new Set(ids).size).toBe(2000)
    expect(ids.filter((id) => !/^019ca945-0a7b-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toEqual([])
  })

  it('uses no random byte twice', () => {
    let count = 0
    const newId = createUuidV7(clock, (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      for (let at = 0; at < bytes.byteLength; at += 4) view.setUint32(at, count++)
    })

    const lastWords = Array.from({ length: 1000 }, () => Number.parseInt(newId().slice(-8), 16))

    expect(lastWords).toEqual(lastWords.map((_, index) => index * 4 + 3))
  })
})
