import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { resources } from '../../core/io/kube/api.ts'

interface Rule {
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
  readonly verbs: readonly string[]
}

interface Role {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly rules: readonly Rule[]
}

function read(name: string): readonly Role[] {
  const text = readFileSync(join(import.meta.dirname, '../../charts/rbac', name), 'utf8')
  return parseAllDocuments(text).map((document) => document.toJS({ maxAliasCount: 0 }) as Role)
}

/** `<verb> <resource>.<group>`, one for each right. */
function rights(role: Role): readonly string[] {
  return role.rules.flatMap((rule) => {
    const things = rule.resources?.flatMap((resource) => (rule.apiGroups ?? []).map((group) => `${resource}.${group}`))
    return (things ?? rule.nonResourceURLs ?? []).flatMap((thing) => rule.verbs.map((verb) => `${verb} ${thing}`))
  })
}

const files = ['broker.yaml', 'controller.yaml']
const roles = files.flatMap(read)

describe.each(files)('charts/rbac/%s', (file) => {
  const all = read(file).flatMap(rights)

  it('has no wildcard', () => {
    expect(all.length).toBeGreaterThan(0)
    expect(all.filter((right) => right.includes('*'))).toEqual([])
  })

  it('touches no Secret, mints no ServiceAccount token, impersonates nobody and raises no rights', () => {
    const forbidden =
      /secrets|serviceaccounts\/token|^(impersonate|escalate|bind|deletecollection) |webhookconfigurations|roles/

    expect(all.filter((right) => forbidden.test(right))).toEqual([])
  })

  it('names only resources that the code knows', () => {
    const known = new Set<string>([
      ...Object.values(resources).map(({ plural, group }) => `${plural}.${group}`),
      'tokenreviews.authentication.k8s.io',
      'subjectaccessreviews.authorization.k8s.io',
      '/openid/v1/jwks',
    ])
    const named = all.map((right) => right.replace(/^\w+ /, '').replace(/\/status(?=\.)/, ''))

    expect(named.filter((name) => !known.has(name))).toEqual([])
  })
})

describe('the broker', () => {
  it('reads only what the code reads', () => {
    const [broker] = roles.filter(({ metadata }) => metadata.name === 'tokenbroker-broker')
    const all = broker === undefined ? [] : rights(broker)

    expect(all.filter((right) => right.startsWith('get ') && !right.endsWith('.tokenbroker.dev')).sort()).toEqual([
      'get /openid/v1/jwks',
      'get customruns.tekton.dev',
      'get pipelineruns.tekton.dev',
      'get pods.',
      'get taskruns.tekton.dev',
    ])
  })

  it('lists nothing but its own kinds, and writes nothing but their status', () => {
    const [broker] = roles.filter(({ metadata }) => metadata.name === 'tokenbroker-broker')
    const all = broker === undefined ? [] : rights(broker)

    expect(all.filter((right) => /^(list|watch) /.test(right) && !right.endsWith('.tokenbroker.dev'))).toEqual([])
    expect(all.filter((right) => !/^(get|list|watch) /.test(right)).sort()).toEqual([
      'create subjectaccessreviews.authorization.k8s.io',
      'create tokenreviews.authentication.k8s.io',
      'patch clustertokenproviders/status.tokenbroker.dev',
      'patch tokenpolicies/status.tokenbroker.dev',
    ])
  })
})
