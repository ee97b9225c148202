import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Run, Source } from '../../../core/identity/run.ts'
import { compileValidations } from '../../../core/io/cel/compile-validations.ts'
import type { Allowance, Facts, Policy } from '../../../core/policy/allowance.ts'
import { evaluate } from '../../../core/policy/evaluate.ts'
import { rules } from '../../../core/policy/rules.ts'
import { matchesScope, overlaps } from '../../../core/policy/scope-pattern.ts'
import { Problem } from '../../../core/problem.ts'
import { accessTo, candidateOf, factsOf, policyOf, providerOf, run } from './policy-fixture.ts'
import { inputOf } from './rule-input.ts'

const uris = ['git+https://a.example.com', 'git+https://b.example.com'] as const
const oneOf = <T>(...values: readonly T[]) => fc.constantFrom(...values)
const maybeNot = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 5 })
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 1 })

const source: fc.Arbitrary<Source> = fc.record({
  uri: oneOf(...uris),
  revision: oneOf('main', 'main', 'dev', undefined),
  entryPoint: oneOf('release.yaml', undefined),
  digest: fc.constant(undefined),
})

const runs: fc.Arbitrary<Run> = fc
  .record({
    assurance: oneOf('verified' as const, 'verified' as const, 'claimed' as const, 'none' as const),
    pipeline: oneOf('release', 'release', 'release', 'other', undefined),
    source: maybeNot(source),
    taskSource: maybeNot(source),
    hasPodTemplate: oneOf(false, false, true),
    event: maybeNot(
      fc.record({
        eventListener: fc.record({ namespace: oneOf('ci'), name: oneOf('github', 'gitlab') }),
        fields: fc.record({ ref: oneOf('refs/heads/main', 'refs/heads/dev') }, { requiredKeys: [] }),
      }),
    ),
  })
  .map((changes) => ({ ...run, ...changes }) as unknown as Run)

const runFields = fc.record(
  {
    assurance: oneOf('verified', 'claimed'),
    source: fc.array(fc.record({ uri: oneOf(...uris), revisions: fc.constant(['main']) }, { requiredKeys: ['uri'] }), {
      minLength: 1,
      maxLength: 2,
    }),
    pipelines: fc.constant(['release']),
    eventListeners: fc.constant([{ namespace: 'ci', name: 'github' }]),
    podTemplate: oneOf('Allow', 'Deny'),
  },
  { requiredKeys: [] },
)

const expressions = [
  'event.ref == "refs/heads/main"',
  '!has(event.ref)',
  'run.assurance != "none"',
  'not an expression',
]
const validations = fc
  .subarray(expressions, { maxLength: 2 })
  .map((all) => all.map((expression, at) => ({ name: `v${at}`, expression, message: 'no' })))

const spec = fc.record(
  {
    runs: runFields,
    mode: oneOf('Enforce', 'Enforce', 'Enforce', 'DryRun'),
    suspend: oneOf(false, false, false, true),
  },
  { requiredKeys: ['mode', 'suspend'] },
)

const requirements = fc.array(
  fc.record({ scopes: oneOf(['deploy:*'], ['image:push'], ['*:staging']), assurance: oneOf('verified', 'claimed') }),
  { minLength: 1, maxLength: 2 },
)

const selectors = oneOf({}, {}, { matchLabels: { team: 'a' } }, { matchLabels: { team: 'b' } })

const worlds = fc.record({
  spec,
  run: runs,
  validations,
  requirements: maybe(requirements),
  selector: maybe(selectors),
})
type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never

function factsIn({ spec: written, validations: all, requirements: require, selector, run: found }: World): Facts {
  const policy: Policy = { ...policyOf(written), validations: compileValidations(all) }
  const provider = providerOf({
    ...(require && { limits: { require } }),
    ...(selector && { namespaceSelector: selector }),
  })
  const subject = { ...factsOf().subject, namespaceLabels: { team: 'a' } }
  return factsOf({ run: found, subject, candidates: [candidateOf({ policy, provider })] })
}

function decide(facts: Facts): Allowance | undefined {
  try {
    return evaluate(facts)
  } catch (error) {
    if (error instanceof Problem) return undefined
    throw error
  }
}

/** A property over worlds that fails where it never met a grant: then it would have shown nothing. */
function holds(check: (world: World, isGranted: boolean) => boolean): void {
  let grants = 0
  fc.assert(
    fc.property(worlds, (world) => {
      const isGranted = decide(factsIn(world)) !== undefined
      if (isGranted) grants += 1
      return check(world, isGranted)
    }),
    { numRuns: 800 },
  )
  expect(grants).toBeGreaterThan(4)
}

describe('what a policy or provider asks of runs', () => {
  it.each<[string, (world: World) => World]>([
    ['runs', ({ spec: { runs: _, ...rest }, ...world }) => ({ ...world, spec: rest })],
    [
      'one field of runs',
      ({ spec: { runs: { assurance: _, ...others } = {}, ...rest }, ...world }) => ({
        ...world,
        spec: { ...rest, runs: others } as World['spec'],
      }),
    ],
    ['validations', (world) => ({ ...world, validations: world.validations.slice(1) })],
    ['limits.require', (world) => ({ ...world, requirements: undefined })],
    ['one requirement', (world) => ({ ...world, requirements: world.requirements?.slice(0, 1) })],
    ['the namespaceSelector', (world) => ({ ...world, selector: undefined })],
  ])('never widens by %s: what is granted with it is granted without', (_what, without) => {
    holds((world, isGranted) => !isGranted || decide(factsIn(without(world))) !== undefined)
  })

  it('grants or refuses the same in whatever order the rules are asked', () => {
    fc.assert(
      fc.property(worlds, fc.shuffledSubarray([...rules], { minLength: rules.length }), (world, shuffled) => {
        const { run: found, subject, candidates } = factsIn(world)
        const [candidate = candidateOf()] = candidates
        const input = inputOf({ run: found, subject, ...candidate, provider: candidate.provider ?? providerOf() })
        const isAllowed = shuffled.every((rule) => rule.check(input) === undefined)
        return isAllowed === (decide(factsIn(world)) !== undefined)
      }),
      { numRuns: 300 },
    )
  })

  it('never grants under a policy in mode DryRun', () => {
    holds(({ spec: written }, isGranted) => !isGranted || written.mode === 'Enforce')
  })
})

/** The same as the matcher, by a regular expression over the whole text. */
function reference(pattern: string, scope: string): boolean {
  if (!pattern.includes('*')) return pattern === scope
  const text = pattern.split(/([:/])/).map((part) => (part === '*' ? '[^:/*]+' : RegExp.escape(part)))
  return new RegExp(`^${text.join('')}$`).test(scope)
}

describe('scope patterns', () => {
  const part = oneOf('a', 'b', 'ab', '')
  const joined = (segment: fc.Arbitrary<string>) =>
    fc
      .array(fc.tuple(segment, oneOf(':', '/')), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.flatMap(([text, separator], at) => (at === 0 ? [text] : [separator, text])).join(''))
  const patterns = joined(fc.oneof(part, fc.constant('*')))
  const scopes = joined(fc.oneof({ arbitrary: part, weight: 6 }, { arbitrary: fc.constant('*'), weight: 1 }))

  it('mean what a regular expression over the whole text means', () => {
    let matches = 0
    fc.assert(
      fc.property(patterns, scopes, (pattern, scope) => {
        const expected = reference(pattern, scope)
        if (expected) matches += 1
        return matchesScope(pattern, scope) === expected
      }),
      { numRuns: 2000 },
    )
    expect(matches).toBeGreaterThan(4)
  })

  it('overlap where both mean one scope', () => {
    fc.assert(
      fc.property(patterns, patterns, scopes, (a, b, scope) => {
        return !(matchesScope(a, scope) && matchesScope(b, scope)) || overlaps(a, b)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('approvals', () => {
  const need = (groups: readonly string[], askedBy: string) => ({
    groups,
    required: 1,
    expiresAfterSeconds: 1800,
    askedBy,
  })

  it('are those that the policy asks for and those that its provider asks for of these scopes', () => {
    const provider = providerOf({
      limits: {
        require: [
          { scopes: ['deploy:*'], approval: { groups: ['release'] } },
          { scopes: ['image:push'], approval: { groups: ['images'] } },
        ],
      },
    })
    const policy = policyOf({ approval: { groups: ['team'] } })

    expect(decide(factsOf({ candidates: [candidateOf({ policy, provider })] }))?.approvals).toEqual([
      need(['team'], 'policy'),
      need(['release'], 'provider'),
    ])
  })

  it('are nobody where nothing asks', () => {
    expect(decide(factsOf())?.approvals).toEqual([])
  })

  it('put a policy that needs a person behind one that needs none, whatever their names', () => {
    const asking = candidateOf({ policy: policyOf({ approval: {} }, 'a') })
    const free = candidateOf({ policy: policyOf({}, 'z') })

    const allowance = decide(factsOf({ candidates: [asking, free] }))

    expect(allowance?.policy.name).toBe('z')
    expect(allowance?.others).toEqual([{ name: 'a', reason: 'allowed' }])
    expect(decide(factsOf({ candidates: [asking] }))?.policy.name).toBe('a')
  })

  it('hold for every scope of a request, of which one is meant', () => {
    const provider = providerOf({ limits: { require: [{ scopes: ['deploy:production'], approval: {} }] } })
    const scopes = ['deploy:staging', 'deploy:production']
    const both = candidateOf({ provider, scopes, rbac: accessTo(scopes) })

    expect(decide(factsOf({ candidates: [both] }))?.approvals).toHaveLength(1)
    expect(decide(factsOf({ candidates: [candidateOf({ provider })] }))?.approvals).toEqual([])
  })
})
