import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandLine, temporaryDirectory } from './command-line.ts'

const example = join(import.meta.dirname, '../../../tekton/examples/policy-test')
const policies = join(example, 'policies.yaml')

async function withCases(text: string) {
  const path = join(await temporaryDirectory(), 'cases.yaml')
  await writeFile(path, text)
  return path
}

const one = (more: string) =>
  `cases:\n- {name: a <b>, namespace: payments, serviceAccount: builder, policy: deploy-production, ${more}}\n`

describe('policy test', () => {
  it('finds the shipped cases as expected', async () => {
    const { code, out } = await commandLine(['policy', 'test', join(example, 'cases.yaml'), '-f', policies])

    expect(out).toContain('4 of 4 as expected.')
    expect(code).toBe(0)
  })

  it('fails where one differs, and says what was expected', async () => {
    const { code, out } = await commandLine(['policy', 'test', await withCases(one('expect: allow')), '-f', policies])

    expect(out).toContain('expect is deny, not allow')
    expect(out).toContain('rule rbac')
    expect(code).toBe(1)
  })

  it.each([
    ['policy: deploy-prodution', 'deploy-prodution'],
    ['audience: https://deploi.example.com', 'https://deploi.example.com'],
  ])('fails a refusal that no policy of the files decided: %s', async (asked, named) => {
    const path = await withCases(
      `cases:\n- {name: typed wrongly, namespace: payments, serviceAccount: deployer, ${asked}, expect: deny}\n`,
    )
    const { code, out } = await commandLine(['policy', 'test', path, '-f', policies])

    expect(out).toContain(`no policy of payments in the files is meant by ${named}`)
    expect(code).toBe(1)
  })

  it('takes it that there is no policy where that is expected', async () => {
    const path = await withCases(
      'cases:\n- {name: none, namespace: payments, serviceAccount: deployer, policy: gone, expect: deny, reason: policy_unknown}\n',
    )

    expect((await commandLine(['policy', 'test', path, '-f', policies])).code).toBe(0)
  })

  it('writes a JUnit report', async () => {
    const cases = await withCases(one('expect: deny, reason: policy_suspended'))
    const { code, out } = await commandLine(['policy', 'test', cases, '-f', policies, '-o', 'junit'])

    expect(out).toContain('tests="1" failures="1"')
    expect(out).toContain(
      '<testcase name="a &lt;b&gt;"><failure message="reason is rbac_denied, not policy_suspended">',
    )
    expect(code).toBe(1)
  })

  it.each([
    ['a case that expects nothing', one('run: {}'), /cases\.0\.expect/],
    [
      'a key that nobody knows',
      one('expect: deny, expects: deny'),
      /cases\.0\.expects: no such key; did you mean expect\?/,
    ],
    [
      'a key that is like no other',
      one('expect: deny, run: {source: {uri: a, sha: b}}'),
      /cases\.0\.run\.source\.sha: no such key; known are uri, digest, entryPoint, revision/,
    ],
    [
      'a reason with a typing error',
      one('expect: deny, reason: rbac_denid'),
      /cases\.0\.reason: no such word; did you mean rbac_denied\?/,
    ],
    ['a rule that there is not', one('expect: deny, rule: weather'), /cases\.0\.rule: .*known are .*limits-require/],
    ['what is no YAML', 'cases: [', /line 1: this is no YAML/],
  ])('says where %s is', async (_what, text, mend) => {
    const { code, notes } = await commandLine(['policy', 'test', await withCases(text), '-f', policies])

    expect(notes).toMatch(mend)
    expect(code).toBe(1)
  })

  it('refuses a policy that no API server would take', async () => {
    const file = await withCases(
      '{kind: TokenPolicy, metadata: {name: p, namespace: n}, spec: {audience: a, scope: [b]}}',
    )
    const { code, notes } = await commandLine(['policy', 'test', join(example, 'cases.yaml'), '-f', file])

    expect(notes).toContain('TokenPolicy p: spec.')
    expect(code).toBe(1)
  })

  it('takes one file of cases', async () => {
    expect((await commandLine(['policy', 'test'])).code).toBe(2)
  })
})
