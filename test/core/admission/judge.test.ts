import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type InstalledObject, judgeInstalled } from '../../../core/admission/judge.ts'
import { expected, installedAt, writtenAt } from './installed-fixture.ts'

const time = '2026-03-01T12:00:00Z'

function judge({ policies, bindings } = installedAt(time)) {
  return judgeInstalled(expected, { policy: (name) => policies.get(name), binding: (name) => bindings.get(name) })
}

/** The same with one object changed. */
function judgeWith(
  kind: 'policies' | 'bindings',
  name: string,
  change: (one: InstalledObject) => InstalledObject | undefined,
) {
  const all = installedAt(time)
  const before = all[kind].get(name)
  if (before === undefined) throw new TypeError(`there is no ${name}`)
  const after = change(before)
  if (after === undefined) all[kind].delete(name)
  else all[kind].set(name, after)
  return judge(all)
}

const provenance = 'tokenbroker-provenance'

describe('judgeInstalled', () => {
  it('takes what the release installs for in force, since it was written', () => {
    expect(judge()).toEqual({ isInForce: true, since: new Date(time) })
  })

  it.each<[string, 'policies' | 'bindings', (one: InstalledObject) => InstalledObject | undefined, string]>([
    [
      'a policy that is missing',
      'policies',
      () => undefined,
      'ValidatingAdmissionPolicy tokenbroker-provenance is missing',
    ],
    [
      'a binding that is missing',
      'bindings',
      () => undefined,
      'ValidatingAdmissionPolicyBinding tokenbroker-provenance is missing',
    ],
    [
      'a policy on its way out',
      'policies',
      (one) => ({ ...one, metadata: { ...one.metadata, deletionTimestamp: time } }),
      'is being deleted',
    ],
    [
      'a policy that lets through what it cannot judge',
      'policies',
      (one) => ({ ...one, spec: { ...(one.spec as object), failurePolicy: 'Ignore' } }),
      'is not the one of this release',
    ],
    [
      'a binding that only audits',
      'bindings',
      (one) => ({ ...one, spec: { ...(one.spec as object), validationActions: ['Audit'] } }),
      'is not the one of this release',
    ],
    [
      'a binding that audits besides',
      'bindings',
      (one) => ({ ...one, spec: { ...(one.spec as object), validationActions: ['Deny', 'Audit'] } }),
      'is not the one of this release',
    ],
    [
      'a binding for some namespaces only',
      'bindings',
      (one) => ({ ...one, spec: { ...(one.spec as object), matchResources: { namespaceSelector: {} } } }),
      'is not the one of this release',
    ],
    ['a spec that is none', 'policies', (one) => ({ ...one, spec: undefined }), 'is not the one of this release'],
    [
      'an object whose notes of changes were dropped',
      'policies',
      ({ metadata: { managedFields: _, ...metadata }, ...one }) => ({ ...one, metadata }),
      'does not say when it was changed',
    ],
  ])('does not take %s for in force, and names it', (_what, kind, change, why) => {
    expect(judgeWith(kind, provenance, change)).toEqual({ isInForce: false, why: expect.stringContaining(why) })
  })

  it('counts from the newest change of any object', () => {
    const later = '2026-03-01T13:00:00Z'
    const changed = (one: InstalledObject) => ({ ...one, metadata: { name: one.metadata.name, ...writtenAt(later) } })

    for (const { name } of expected)
      expect(judgeWith('bindings', name, changed)).toEqual({ isInForce: true, since: new Date(later) })
  })

  it('takes no policy for in force of which one word is another', () => {
    const places = expected.flatMap(({ name, policy }) => leavesOf(policy).map((path) => ({ name, path })))
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.string({ minLength: 1 }), ({ name, path }, text) => {
        const result = judgeWith('policies', name, (one) => ({ ...one, spec: replaced(one.spec, path, text) }))
        expect(result.isInForce).toBe(false)
      }),
    )
  })
})

type Path = readonly string[]

function leavesOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, one]) => leavesOf(one, [...path, key]))
}

/** A copy in which the text at a path goes on with another. */
function replaced(value: unknown, [first, ...rest]: Path, text: string): unknown {
  if (first === undefined) return `${value}${text}`
  if (Array.isArray(value)) return value.map((one, at) => (String(at) === first ? replaced(one, rest, text) : one))
  const fields = value as Readonly<Record<string, unknown>>
  return { ...fields, [first]: replaced(fields[first], rest, text) }
}
