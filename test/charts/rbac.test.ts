import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { resources } from '../../core/io/kube/api.ts'
import { type Role, type Rule, readRole } from './role-files.ts'

/** `<verb> <resource>.<group>`, one for each right. */
function rightsOf(rule: Rule): readonly string[] {
  const things = rule.resources?.flatMap((resource) => (rule.apiGroups ?? []).map((group) => `${resource}.${group}`))
  return (things ?? rule.nonResourceURLs ?? []).flatMap((thing) => rule.verbs.map((verb) => `${verb} ${thing}`))
}

function rights(role: Role): readonly string[] {
  return role.rules.flatMap(rightsOf)
}

const files = readdirSync(join(import.meta.dirname, '../../charts/rbac'))
const roles = files.flatMap(readRole)

describe.each(files)('charts/rbac/%s', (file) => {
  const rules = readRole(file).flatMap((role) => role.rules)
  const all = rules.flatMap(rightsOf)

  it('has no wildcard', () => {
    expect(all.length).toBeGreaterThan(0)
    expect(all.filter((right) => right.includes('*'))).toEqual([])
  })

  it('mints no ServiceAccount token, impersonates nobody, and gives nobody rights', () => {
    const forbidden = /serviceaccounts\/token|^(impersonate|escalate|bind|approve|deletecollection) |roles|rolebindings/

    expect(all.filter((right) => forbidden.test(right))).toEqual([])
  })

  it('touches Secrets, ConfigMaps, Leases, interceptors and configurations of webhooks by name alone, and creates and deletes none', () => {
    // Where it is asked for, held to its own by admission.
    if (file === 'secrets.yaml') return
    const delicate = rules.filter((rule) =>
      rule.resources?.some((one) =>
        /^(secrets|configmaps|leases|clusterinterceptors|.*webhookconfigurations)$/.test(one),
      ),
    )

    expect(delicate.filter((rule) => (rule.resourceNames ?? []).length !== 1)).toEqual([])
    expect(new Set(delicate.flatMap(({ verbs }) => verbs))).toEqual(
      delicate.length === 0 ? new Set() : new Set(['get', 'patch']),
    )
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
      // Its own alone, by name.
      'get validatingadmissionpolicies.admissionregistration.k8s.io',
      'get validatingadmissionpolicybindings.admissionregistration.k8s.io',
    ])
  })

  it('lists nothing but its own kinds, namespaces, marked accounts and admission policies, writes nothing but their status, and asks people', () => {
    const [broker] = roles.filter(({ metadata }) => metadata.name === 'tokenbroker-broker')
    const all = broker === undefined ? [] : rights(broker)

    expect(
      all.filter((right) => /^(list|watch) /.test(right) && !right.endsWith('.tokenbroker.dev')).toSorted(),
    ).toEqual([
      'list namespaces.',
      'list serviceaccounts.',
      'list validatingadmissionpolicies.admissionregistration.k8s.io',
      'list validatingadmissionpolicybindings.admissionregistration.k8s.io',
      'watch namespaces.',
      'watch serviceaccounts.',
      'watch validatingadmissionpolicies.admissionregistration.k8s.io',
      'watch validatingadmissionpolicybindings.admissionregistration.k8s.io',
    ])
    expect(all.filter((right) => !/^(get|list|watch) /.test(right)).sort()).toEqual([
      'create subjectaccessreviews.authorization.k8s.io',
      'create tokenapprovals.tokenbroker.dev',
      'create tokenreviews.authentication.k8s.io',
      'patch clustertokenpolicies/status.tokenbroker.dev',
      'patch clustertokenproviders/status.tokenbroker.dev',
      'patch tokenapprovals/status.tokenbroker.dev',
      'patch tokenpolicies/status.tokenbroker.dev',
    ])
  })
})

describe('the controller', () => {
  it('reads no Secret, also where it makes them', () => {
    const secrets = roles.filter(({ metadata }) => metadata.name === 'tokenbroker-secrets').flatMap(rights)

    expect(secrets.sort()).toEqual(['create secrets.', 'delete secrets.', 'patch secrets.'])
  })
})

describe('the webhook', () => {
  it('only reads, one object at a time', () => {
    const [webhook] = roles.filter(({ metadata }) => metadata.name === 'tokenbroker-webhook')

    expect(new Set(webhook?.rules.flatMap(({ verbs }) => verbs))).toEqual(new Set(['get']))
  })
})
