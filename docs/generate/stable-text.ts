import { hash } from 'node:crypto'

/** Replaces what differs from run to run by values that do not: the same value always by the same, in order of appearance. */
export function createStableText(): (text: string) => string {
  const seen = new Map<string, string>()
  const counts = new Map<string, number>()

  function replaceBy(name: string, write: (count: number) => string): (found: string) => string {
    return (found) => {
      const known = seen.get(found)
      if (known !== undefined) return known
      const count = (counts.get(name) ?? 0) + 1
      counts.set(name, count)
      const stable = write(count)
      seen.set(found, stable)
      return stable
    }
  }

  const replacements = varying.map(({ name, pattern, write }) => ({ pattern, replace: replaceBy(name, write) }))
  return (text) =>
    replacements
      .reduce((current, { pattern, replace }) => current.replaceAll(pattern, replace), text)
      .replaceAll(tookPattern, took)
}

const start = Date.parse('2026-03-01T12:00:00.000Z')
const took = 'in … s.'
const tookPattern = /in \d+\.\d s\./g

const varying = [
  {
    name: 'time-ordered id',
    pattern: /\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b/g,
    write: stableId,
  },
  {
    name: 'random id',
    pattern: /\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b/g,
    write: (count: number) => `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`,
  },
  { name: 'fingerprint', pattern: /\b[0-9a-f]{64}\b/g, write: (count: number) => hash('sha256', String(count), 'hex') },
  { name: 'port', pattern: /(?<=127\.0\.0\.1:)\d{2,5}\b/g, write: (count: number) => String(8440 + count) },
  {
    name: 'time',
    pattern: /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g,
    write: (count: number) => new Date(start + count * 125).toISOString(),
  },
] as const

/** An id as UUIDv7 writes it, for examples. */
export function stableId(count: number): string {
  return `019a0000-0000-7000-8000-${String(count).padStart(12, '0')}`
}
