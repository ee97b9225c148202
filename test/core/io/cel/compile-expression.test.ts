import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileExpression } from '../../../../core/io/cel/compile-expression.ts'
import { maxValidationCost } from '../../../../core/policy/compiled-validations.ts'
import { expressionVariables } from '../../../../core/policy/expression-variables.ts'
import { factsOf } from '../../policy/policy-fixture.ts'
import { inputOf } from '../../policy/rule-input.ts'

const event = { ref: 'refs/heads/main', number: 7, draft: false }
const run = {
  ...factsOf().run,
  source: { uri: 'git+https://git.example.com/p.git', digest: undefined, entryPoint: 'release.yaml', revision: 'main' },
  initiator: { username: 'jane', uid: 'u1', kind: 'person', isProved: true } as const,
}

function variablesOf(fields: object = event) {
  const variables = expressionVariables(
    inputOf({
      run: { ...run, event: { fields } as never },
      scopes: ['deploy:staging', 'deploy:production'],
    }),
  )
  if (variables === undefined) throw new TypeError('over the bounds')
  return variables
}

function answer(text: string, variables = variablesOf()): string {
  const expression = compileExpression(text)
  return expression.ok ? expression.test(variables) : expression.problem
}

function costOf(text: string): number {
  const expression = compileExpression(text)
  if (!expression.ok) throw new TypeError(expression.problem)
  return expression.cost
}

describe('compileExpression', () => {
  it.each([
    ['event.ref == "refs/heads/main"', 'true'],
    ['event["ref"].startsWith("refs/tags/")', 'false'],
    ['event.number == 7 && event.number + 1 > 7', 'true'],
    ['!event.draft', 'true'],
    ['has(event.tag)', 'false'],
    ['has(event.tag) || has(run.taskSource)', 'false'],
    ['run.assurance == "claimed" && run.pipeline == "release" && run.task == "deploy"', 'true'],
    ['run.initiator.username == "jane" && run.initiator.isProved', 'true'],
    ['run.source.uri.endsWith("/p.git") && run.source.revision in ["main", "stable"]', 'true'],
    ['has(run.source.digest)', 'false'],
    ['request.scopes.all(s, s.startsWith("deploy:"))', 'true'],
    ['request.scopes.exists(s, s == "image:push")', 'false'],
    ['request.scopes.filter(s, s.contains("prod")).size() == 1', 'true'],
    ['request.ttlSeconds <= 300 && size(request.audience) < 100', 'true'],
    ['workload.namespace == "payments" && workload.serviceAccount == "deployer"', 'true'],
    ['"deployer" in workload.serviceAccounts', 'true'],
    ['agent ? false : true', 'true'],
  ])('says of %s: %s', (text, expected) => {
    expect(answer(text)).toBe(expected)
  })

  it.each([
    ['a member that is absent', 'event.tag == "v1"'],
    ['a member of an absent one', 'run.taskSource.uri == "x"'],
    ['a member of the prototype', 'event.constructor == "x"'],
    ['another type than it is used as', 'event.number.startsWith("7")'],
    ['a position that does not exist', 'request.scopes[7] == "x"'],
    ['a division by zero', '1 / (request.ttlSeconds - request.ttlSeconds) == 1'],
    ['a number that overflows', '9223372036854775807 + request.ttlSeconds > 0'],
  ])('cannot evaluate %s', (_what, text) => {
    expect(answer(text)).toBe('error')
  })

  it.each([
    ['a misspelt field', 'run.pipelne == "x"', 'character 5: No such key: pipelne'],
    ['an unknown variable', 'runs.pipeline == "x"', 'character 1: Unknown variable: runs'],
    ['what is no expression', 'event.ref ==', /^character 13: /],
    ['two types', 'run.pipeline == 7', /^character 1: no such overload: string == int/],
    ['what yields a text', 'run.pipeline', 'it yields string and has to yield bool'],
    ['what may yield anything', 'event.draft', 'it yields dyn and has to yield bool'],
    ['a regular expression', 'run.pipeline.matches("(a+)+$")', /^character 1: matches is not part of the language/],
    ['a binding', 'cel.bind(x, run.pipeline + run.pipeline, x == x)', /bind is not part of the language/],
    ['JSON', 'bytes(event.ref).json().a == 1', /is not part of the language/],
    ['a clock', 'timestamp(event.ref).getHours("Europe/Paris") == 1', /is not part of the language/],
    ['bytes', 'b"x" == b"x"', /bytes are not part of the language/],
    ['a map', '{"a": 1}.a == 1', /./],
    [
      'a comprehension in one',
      'request.scopes.all(s, request.scopes.exists(t, s == t))',
      /exists stands inside another/,
    ],
    ['one in the range of a nested one', 'request.scopes.all(s, [s].map(t, t) == [s])', /map stands inside another/],
    ['a list too long to go over', '(request.scopes + request.scopes).all(s, s == "")', /more than 100 elements/],
    ['a text over the limit', `"${'x'.repeat(2048)}" == ""`, 'it is longer than 2048 characters'],
    ['parentheses without end', `${'('.repeat(900)}true${')'.repeat(900)}`, /maxDepth/],
    ['negations without end', `${'!'.repeat(2040)}true`, /maxAstNodes/],
    ['ternaries without end', `${'true ? '.repeat(100)}true${' : true'.repeat(100)}`, /maxDepth/],
    ['a long list', `1 in [${'1,'.repeat(500)}1]`, /maxAstNodes|maxListElements/],
  ])('refuses %s and says where', (_what, text, expected) => {
    expect(answer(text)).toEqual(expected instanceof RegExp ? expect.stringMatching(expected) : expected)
  })

  it('knows the cost from the text alone', () => {
    expect(costOf('agent')).toBe(1)
    expect(costOf('event.ref == "refs/heads/main"')).toBeLessThan(20)
    expect(costOf('request.scopes.all(s, s.startsWith("deploy:"))')).toBeLessThan(maxValidationCost / 2)
  })

  it.each([
    ['lists joined to lists', 'request.scopes.map(s, request.scopes + request.scopes).size() == 0'],
    ['texts that grow in each round', `request.scopes.map(s, ${Array(50).fill('event.ref').join(' + ')}).size() == 0`],
    [
      'a search in a list for each element',
      'request.scopes.all(s, s in request.scopes && s in workload.serviceAccounts)',
    ],
  ])('says that %s cost more than a policy may', (_what, text) => {
    expect(costOf(text)).toBeGreaterThan(maxValidationCost)
  })

  it('takes any text for an expression or a problem, and never throws', () => {
    const token = fc.constantFrom(
      'run',
      'event',
      '.ref',
      '.all(x, ',
      'has(',
      '(',
      ')',
      '[',
      ']',
      '"a"',
      ' + ',
      ' == ',
      '!',
      '7',
      ' in ',
      ' ? ',
      ' : ',
      ',',
      '{',
      '}',
      'request.scopes',
      ' && ',
      '\u0000',
      '`',
    )
    fc.assert(
      fc.property(fc.array(token, { maxLength: 30 }), (tokens) => {
        const expression = compileExpression(tokens.join(''))
        const said = expression.ok ? expression.test(variablesOf()) : expression.problem
        expect(said.length).toBeGreaterThan(0)
      }),
    )
  })

  it('never costs less than the nodes that are visited', () => {
    const leaf = fc.constantFrom('event.ref == "a"', 'agent', 'request.ttlSeconds < 5', '"a" in request.scopes')
    const { tree } = fc.letrec<{ tree: string }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => `(${a} && ${b})`),
        tie('tree').map((a) => `!(${a})`),
      ),
    }))
    fc.assert(
      fc.property(tree, tree, (a, b) => {
        expect(costOf(`${a} || ${b}`)).toBeGreaterThan(Math.max(costOf(a), costOf(b)))
      }),
    )
  })
})
