import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCustomRun } from '../../../core/tekton/custom-run.ts'
import { parseTokenExchangeParams } from '../../../core/tekton/token-exchange-params.ts'
import { customRunObject, present } from './objects.ts'

function parse(params: Record<string, unknown> | object[], spec: object = {}) {
  const list = Array.isArray(params) ? params : Object.entries(params).map(([name, value]) => ({ name, value }))
  return parseTokenExchangeParams(present(parseCustomRun(customRunObject({ spec: { params: list, ...spec } }))))
}

function problemsOf(parsed: ReturnType<typeof parse>): readonly string[] {
  return parsed.ok ? [] : parsed.problems
}

const withoutName = { customRef: { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange' } }

describe('parseTokenExchangeParams', () => {
  it('takes the policy from taskRef.name and has defaults for the rest', () => {
    expect(parse({})).toEqual({
      ok: true,
      value: {
        policies: ['deploy-staging'],
        audience: undefined,
        scopes: undefined,
        into: undefined,
        steps: undefined,
        as: undefined,
        ttlSeconds: undefined,
        deliver: 'sidecar',
        isDryRun: false,
      },
    })
  })

  it('reads every param', () => {
    const params = {
      policy: 'deploy-staging',
      audience: 'https://deploy.example.com',
      scope: ['deploy:staging', 'image:push'],
      into: ['deploy', 'smoke-test'],
      steps: ['deploy/rollout'],
      as: 'git',
      ttl: '2m',
      deliver: 'sidecar',
      'dry-run': 'true',
    }

    expect(parse(params)).toEqual({
      ok: true,
      value: {
        policies: ['deploy-staging'],
        audience: 'https://deploy.example.com',
        scopes: ['deploy:staging', 'image:push'],
        into: ['deploy', 'smoke-test'],
        steps: [{ task: 'deploy', step: 'rollout' }],
        as: 'git',
        ttlSeconds: 120,
        deliver: 'sidecar',
        isDryRun: true,
      },
    })
  })

  it.each([
    ['scope as text', { scope: 'a b' }, { scopes: ['a', 'b'] }],
    ['scope as array', { scope: ['a', 'b'] }, { scopes: ['a', 'b'] }],
    ['ttl in seconds', { ttl: '90' }, { ttlSeconds: 90 }],
    ['ttl as Go duration', { ttl: '1h30m' }, { ttlSeconds: 5400 }],
    ['a Secret', { deliver: 'secret' }, { deliver: 'secret' }],
    ['a gate', { deliver: 'none' }, { deliver: 'none' }],
    ['the policy twice, the same', { policy: ['deploy-staging'] }, { policies: ['deploy-staging'] }],
  ])('takes %s', (_, params, expected) => {
    expect(parse(params)).toMatchObject({ ok: true, value: expected })
  })

  it('takes several policies when taskRef has no name', () => {
    expect(parse({ policy: ['a', 'b'] }, withoutName)).toMatchObject({ ok: true, value: { policies: ['a', 'b'] } })
  })

  it('takes audience and scope instead of a policy', () => {
    const parsed = parse({ audience: 'https://a.example', scope: 'read' }, withoutName)

    expect(parsed).toMatchObject({ ok: true, value: { policies: [], audience: 'https://a.example', scopes: ['read'] } })
  })

  it.each([
    ['an unknown param', { polcy: 'a' }, 'unknown param polcy'],
    ['a policy that is no name', { policy: 'Not A Name' }, 'param policy must be the name of a TokenPolicy'],
    ['the same policy twice', { policy: ['a', 'a'] }, 'param policy must be'],
    ['no policy in the array', { policy: [] }, 'param policy must be'],
    ['an empty audience', { audience: '' }, 'param audience must be one audience'],
    ['an audience as array', { audience: ['a'] }, 'param audience must be one audience'],
    ['a scope with two spaces', { scope: 'a  b' }, 'param scope must be different scopes'],
    ['a scope twice', { scope: 'a a' }, 'param scope must be different scopes'],
    ['into as text', { into: 'deploy' }, 'param into must be an array'],
    ['a step without task', { steps: ['rollout'] }, 'param steps must be an array of <task>/<step>'],
    ['a step with two slashes', { steps: ['a/b/c'] }, 'param steps must be'],
    ['an unknown form', { as: 'svn' }, 'param as must be git, docker'],
    ['a ttl of nothing', { ttl: '0' }, 'param ttl must be seconds (300) or a Go duration (5m)'],
    ['a ttl in days', { ttl: '1d' }, 'param ttl must be'],
    ['an unknown delivery', { deliver: 'email' }, 'param deliver must be sidecar, secret or none'],
    ['a dry run that is no boolean', { 'dry-run': 'yes' }, 'param dry-run must be "true" or "false"'],
    ['an object', { audience: { a: 'b' } }, 'param audience must be one audience'],
    ['another policy than taskRef.name', { policy: 'other' }, 'param policy and taskRef.name say different policies'],
    ['a Secret in steps', { deliver: 'secret', steps: ['a/b'] }, 'leave out steps and as'],
    ['a Secret as git', { deliver: 'secret', as: 'git' }, 'leave out steps and as'],
    ['a gate that delivers', { deliver: 'none', into: ['deploy'] }, 'leave out into and steps'],
  ])('refuses %s', (_, params, expected) => {
    expect(problemsOf(parse(params)).join('; ')).toContain(expected)
  })

  it('lists every problem at once, and what is known', () => {
    const problems = problemsOf(parse({ polcy: 'a', ttl: 'soon', as: 'svn' }, { workspaces: [{ name: 'w' }] }))

    expect(problems).toEqual([
      'workspaces are not supported: remove them from the task',
      'unknown param polcy',
      'param ttl must be seconds (300) or a Go duration (5m)',
      'param as must be git, docker, netrc, aws, gcp, azure or kubeconfig',
      'known params are policy, audience, scope, into, steps, as, ttl, deliver, dry-run',
    ])
  })

  it('refuses a param that is given twice', () => {
    const twice = [
      { name: 'ttl', value: '5m' },
      { name: 'ttl', value: '6m' },
    ]

    expect(problemsOf(parse(twice))).toContain('param ttl is given twice')
  })

  it('refuses an embedded spec and says to use taskRef', () => {
    const spec = { customRef: undefined, customSpec: withoutName.customRef }

    expect(problemsOf(parse({ policy: 'a' }, spec))).toEqual([
      'taskSpec is not supported: use taskRef, with the policy as its name',
    ])
  })

  it('says what to set when no policy is named', () => {
    expect(problemsOf(parse({ audience: 'https://a.example' }, withoutName))).toEqual([
      'no policy is named: set taskRef.name to a TokenPolicy, or give params audience and scope',
    ])
  })

  it.each(['eyJhbGciOiJSUzI1NiJ9.e30.x', 'ghp_0123456789', 'AKIAABCDEFGHIJKL'])(
    'warns of what looks like a credential, without repeating it',
    (value) => {
      const problems = problemsOf(parse({ audience: value })).join('; ')

      expect(problems).toContain('param audience looks like a credential')
      expect(problems).not.toContain(value)
    },
  )

  it('never repeats a value in a problem', () => {
    const value = fc.string({ minLength: 12 }).filter((text) => !/^[a-z0-9-]*$/.test(text))
    const name = fc.constantFrom('policy', 'audience', 'scope', 'into', 'steps', 'as', 'ttl', 'deliver', 'dry-run')
    fc.assert(
      fc.property(fc.dictionary(name, fc.oneof(value, fc.array(value, { minLength: 1 }))), (params) => {
        const problems = problemsOf(parse(params)).join('; ')

        for (const given of Object.values(params).flat()) expect(problems).not.toContain(given)
      }),
    )
  })
})
