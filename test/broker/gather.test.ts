import { describe, expect, it } from 'vitest'
import { type ClusterFacts, createGather } from '../../broker/gather.ts'
import type { CustomRunFacts } from '../../broker/identity/walk-custom-run.ts'
import type { Requester } from '../../broker/known.ts'
import type { ScopeQuestion } from '../../broker/policy/scope-access.ts'
import { noRun } from '../../core/identity/run.ts'
import { type ExchangeRequest, parseExchangeRequest } from '../../core/oauth/exchange-request.ts'
import { parseForm } from '../../core/oauth/form.ts'
import type { Policy, Provider } from '../../core/policy/allowance.ts'
import { policyOf, providerOf, run } from '../core/policy/policy-fixture.ts'
import { rejection } from '../core/reason-of.ts'
import { forms, reference, workload } from './exchange-fixture.ts'

const signal = new AbortController().signal
const namespaceLabels = { team: 'a' }
const controller = { namespace: 'payments', serviceAccount: 'deployer' }

interface Said {
  readonly policies?: readonly Policy[]
  readonly provider?: Provider | undefined
  readonly isSynced?: boolean
  readonly customRun?: Partial<CustomRunFacts>
  readonly task?: string | undefined
}

function clusterOf(said: Said) {
  const questions: ScopeQuestion[] = []
  const namespaces: string[] = []
  const customRun: CustomRunFacts = {
    run: { ...run, task: 'token' },
    params: {
      policies: [],
      audience: 'https://deploy.example.com',
      scopes: ['deploy:staging'],
      into: undefined,
      steps: undefined,
      as: undefined,
      ttlSeconds: undefined,
      deliver: 'sidecar',
      isDryRun: false,
    },
    into: [
      { task: 'deploy', serviceAccount: 'a' },
      { task: 'notify', serviceAccount: 'b' },
    ],
    serviceAccounts: ['a', 'b'],
    isDone: false,
    ...said.customRun,
  }
  const cluster: ClusterFacts = {
    policies: {
      isSynced: () => said.isSynced ?? true,
      policies: (namespace) => {
        namespaces.push(namespace)
        return said.policies ?? [policyOf()]
      },
      provider: () => ('provider' in said ? said.provider : providerOf()),
      namespaceLabels: (namespace) => (namespace === 'payments' ? namespaceLabels : undefined),
    },
    askScopeAccess: async (question) => {
      questions.push(question)
      const { serviceAccount, scope, provider } = question
      return { serviceAccount, scope, resourceName: `${provider}:${scope}`, isAllowed: serviceAccount !== 'b' }
    },
    walkPod: async () => ({ ...run, task: 'task' in said ? said.task : run.task }),
    walkCustomRun: async () => customRun,
  }
  return { cluster, questions, namespaces }
}

function requestOf(form: string): ExchangeRequest {
  return parseExchangeRequest(parseForm(form))
}

const pod: Requester = { kind: 'pod', workload }
const forCustomRun: Requester = { kind: 'customrun', workload, reference }

function gather(said: Said, requester: Requester = pod, form = forms.exchange()) {
  const { cluster, questions, namespaces } = clusterOf(said)
  const gathering = createGather(new Map([['main', cluster]]), controller)(
    requestOf(form),
    requester,
    undefined,
    signal,
  )
  return { gathering, questions, namespaces }
}

describe('createGather', () => {
  it('asks about the pod, its policies and its ServiceAccount', async () => {
    const { gathering, questions, namespaces } = gather({})

    expect(await gathering).toEqual({
      facts: {
        subject: { cluster: 'main', namespace: 'payments', namespaceLabels, serviceAccounts: ['deployer'] },
        run,
        request: {
          policy: undefined,
          audience: 'https://deploy.example.com',
          scopes: ['deploy:staging'],
          requestedExpirySeconds: undefined,
        },
        candidates: [
          {
            policy: policyOf(),
            provider: providerOf(),
            scopes: ['deploy:staging'],
            rbac: [
              {
                serviceAccount: 'deployer',
                scope: 'deploy:staging',
                resourceName: 'builtin:deploy:staging',
                isAllowed: true,
              },
            ],
          },
        ],
      },
      into: [{ task: 'deploy', serviceAccount: 'deployer' }],
    })
    expect(questions).toHaveLength(1)
    expect(namespaces).toEqual(['payments'])
  })

  it('knows of no task that a pod without one could be authorised for', async () => {
    expect((await gather({ task: undefined }).gathering).into).toEqual([])
  })

  it('asks about every account of a CustomRun', async () => {
    const { gathering, questions } = gather({}, forCustomRun, forms.delegated())

    const { facts, into } = await gathering

    expect(facts.subject.serviceAccounts).toEqual(['a', 'b'])
    expect(facts.candidates[0]?.rbac.map(({ serviceAccount, isAllowed }) => `${serviceAccount} ${isAllowed}`)).toEqual([
      'a true',
      'b false',
    ])
    expect(into.map(({ task }) => task)).toEqual(['deploy', 'notify'])
    expect(questions).toHaveLength(2)
  })

  it('looks for policies where the CustomRun is, not where the controller is', async () => {
    const elsewhere = { ...forCustomRun, reference: { ...reference, namespace: 'other' } }

    const { gathering, namespaces } = gather({}, elsewhere, forms.delegated())

    expect((await gathering).facts.subject.namespace).toBe('other')
    expect(namespaces).toEqual(['other'])
  })

  it.each<[string, Said]>([
    ['a scope that the policy does not have', { policies: [policyOf({ scopes: ['image:push'] })] }],
    ['a provider that does not exist', { provider: undefined }],
    ['no policy at all', { policies: [] }],
  ])('does not ask RBAC about %s', async (_what, said) => {
    const { gathering, questions } = gather(said)
    await gathering

    expect(questions).toEqual([])
  })

  it.each([
    undefined,
    { namespace: 'payments', serviceAccount: 'other' },
    { namespace: 'other', serviceAccount: 'deployer' },
  ])('lets nobody but the controller act for a CustomRun, where that is %j', async (other) => {
    const { cluster } = clusterOf({})
    const gathering = createGather(new Map([['main', cluster]]), other)(
      requestOf(forms.delegated()),
      forCustomRun,
      undefined,
      signal,
    )

    expect((await rejection(gathering)).reason).toBe('actor_not_allowed')
  })

  it('lets the controller ask for nothing but what the CustomRun says', async () => {
    const other = {
      customRun: {
        params: { ...(await clusterOf({}).cluster.walkCustomRun(reference, signal)).params, scopes: ['x'] },
      },
    }

    expect((await rejection(gather(other, forCustomRun, forms.delegated()).gathering)).reason).toBe(
      'custom_run_changed',
    )
  })

  it('fails while policies have not been listed', async () => {
    expect((await rejection(gather({ isSynced: false }).gathering)).reason).toBe('kubernetes_unavailable')
  })

  it('fails for a cluster that it does not know', async () => {
    const elsewhere = { ...pod, workload: { ...workload, cluster: 'other' } as typeof workload }

    expect((await rejection(gather({}, elsewhere).gathering)).reason).toBe('kubernetes_unavailable')
  })

  it('asks RBAC a bounded number of questions', async () => {
    const many = (count: number) => ({ policies: Array.from({ length: count }, (_, i) => policyOf({}, `p${i}`)) })
    const fits = gather(many(256))
    const tooMany = gather(many(257))

    await fits.gathering
    const problem = await rejection(tooMany.gathering)

    expect(fits.questions).toHaveLength(256)
    expect(problem.reason).toBe('parameter_invalid')
    expect(problem.mend).toContain('name one with policy')
    expect(tooMany.questions).toEqual([])
  })

  it('counts the questions of every account', async () => {
    const policies = Array.from({ length: 129 }, (_, i) => policyOf({}, `p${i}`))

    const problem = await rejection(gather({ policies }, forCustomRun, forms.delegated()).gathering)

    expect(problem.reason).toBe('parameter_invalid')
  })

  it('hands on a run that no run made', async () => {
    const { cluster } = clusterOf({})
    const walking = { ...cluster, walkPod: async () => noRun }

    const { facts } = await createGather(new Map([['main', walking]]), undefined)(
      requestOf(forms.exchange()),
      pod,
      undefined,
      signal,
    )

    expect(facts.run).toEqual(noRun)
  })
})
