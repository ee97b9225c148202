import { type CaseResult, policyCases, runCase } from '../access/policy-cases.ts'
import { policyObjects } from '../access/policy-objects.ts'
import { rbacObjects } from '../access/rbac-objects.ts'
import { readYaml } from '../access/read-objects.ts'
import { type Command, choice, exitCodes, text, UsageError } from '../command.ts'
import { printable } from '../printable.ts'

export const policyTest: Command = {
  name: 'policy test',
  summary: 'Run a table of cases against policies in files, offline.',
  operands: 'CASES -f FILE[,FILE] [-o junit]',
  description:
    'Decides each case as the broker would, with the policies and providers of the files (and Roles and RoleBindings; where\n' +
    'there are none, RBAC lets everybody). A case names namespace, serviceAccount, policy or audience and scope, what the\n' +
    'run is, and expects allow, deny or needs-approval, and where it matters by (a policy), reason or rule. For CI: exit\n' +
    'code 1 where one differs, and -o junit for its report. Needs no cluster.',
  examples: [
    'tokenbroker policy test cases.yaml -f policies.yaml',
    'tokenbroker policy test cases.yaml -f a.yaml,b.yaml -o junit',
  ],
  options: {
    file: {
      type: 'string',
      short: 'f',
      help: 'FILE With policies, providers, Roles and RoleBindings; several with commas.',
    },
    output: { type: 'string', short: 'o', help: 'FORMAT junit, or text (default).' },
  },
  async run(input, { out, signal }) {
    const [path, ...rest] = input.positionals
    const files = text(input, 'file')?.split(',')
    const isJunit = choice(input, 'output', ['text', 'junit']) === 'junit'
    if (path === undefined || rest.length > 0 || files === undefined)
      throw new UsageError('policy test takes one file of cases, and the policies with -f.')
    const [document] = await readYaml(path, signal)
    const objects = (await Promise.all(files.map((one) => readYaml(one, signal)))).flat()
    const [access, rbac] = [policyObjects(objects), rbacObjects(objects)]
    const results = policyCases(document, path).map((one) => runCase(one, access, rbac))
    for (const line of isJunit ? junit(path, results) : plain(results)) out(line)
    const failed = results.some(({ difference }) => difference !== undefined)
    return failed ? exitCodes.failed : exitCodes.ok
  },
}

function plain(results: readonly CaseResult[]): readonly string[] {
  const lines = results.flatMap(({ name, said, difference }) => {
    if (difference === undefined) return [`ok    ${printable(name)}: ${printable(said)}`]
    return [`FAIL  ${printable(name)}: ${printable(said)}`, `      ${printable(difference)}`]
  })
  return [...lines, `${results.length - failures(results)} of ${results.length} as expected.`]
}

function junit(path: string, results: readonly CaseResult[]): readonly string[] {
  const cases = results.map(({ name, said, difference }) => {
    const failure = difference === undefined ? '' : `<failure message="${xml(difference)}">${xml(said)}</failure>`
    return `  <testcase name="${xml(name)}">${failure}</testcase>`
  })
  const head = `<testsuite name="${xml(path)}" tests="${results.length}" failures="${failures(results)}">`
  return [head, ...cases, '</testsuite>']
}

function failures(results: readonly CaseResult[]): number {
  return results.filter(({ difference }) => difference !== undefined).length
}

function xml(value: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return printable(value).replaceAll(/[&<>"]/g, (one) => entities[one] ?? one)
}
