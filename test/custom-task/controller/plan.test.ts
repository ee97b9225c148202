import { describe, expect, it } from 'vitest'
import { plan } from '../../../custom-task/controller/plan.ts'
import type { Step } from '../../../custom-task/controller/step.ts'
import { customRunUid, tokenTask } from '../../core/tekton/objects.ts'
import {
  authorized,
  explained,
  goesOn,
  held,
  later,
  now,
  observe,
  pending,
  providerFailed,
  refused,
  said,
  statusOf,
  unavailable,
} from './observation.ts'

const kinds = (steps: readonly Step[]) => steps.map((step) => step.kind)
const messageOf = (steps: readonly Step[]) => statusOf(steps).conditions[0].message
const cancelled = 'CustomRun cancelled as the PipelineRun it belongs to has been cancelled.'

describe('plan, before the broker is asked', () => {
  it('refuses a Secret where the installation offers none, and says what to use', () => {
    const params = [{ name: 'deliver', value: 'secret' }]
    const tasks = [
      { ...tokenTask, params },
      { name: 'deploy', runAfter: ['token'] },
    ]
    const pipelineRun = { status: { pipelineSpec: { tasks } } }
    const steps = plan(observe({ customRun: { spec: { params } }, pipelineRun, secretDelivery: false }), now)

    expect(said(steps)).toBe('False Denied')
    expect(messageOf(steps)).toContain('use deliver: sidecar')
  })

  it('asks at first sight, without writing anything before the answer', () => {
    const steps = plan(observe(), now)

    expect(kinds(steps)).toEqual(['authorize'])
    expect(steps[0]).toMatchObject({
      requests: [
        {
          customRun: { namespace: 'payments', name: 'release-token', uid: customRunUid },
          policy: 'deploy-staging',
          audience: undefined,
          scope: undefined,
          requestedExpirySeconds: undefined,
        },
      ],
    })
  })

  it('has Exchanging and the start time ready for an answer that is slow', () => {
    const [ask] = plan(observe(), now)

    expect(ask).toMatchObject({
      announcement: {
        observedGeneration: 1,
        startTime: '2026-01-01T00:00:02Z',
        extraFields: { specHash: 'h1' },
        conditions: [{ type: 'Succeeded', status: 'Unknown', reason: 'Exchanging' }],
      },
    })
  })

  it('announces nothing a second time', () => {
    const steps = plan(observe({ customRun: { ...held, status: goesOn('Exchanging') } }), now)

    expect(steps).toMatchObject([{ kind: 'authorize', announcement: undefined }])
  })

  it('asks once for each policy, with what narrows it', () => {
    const params = [
      { name: 'policy', value: ['a', 'b'] },
      { name: 'scope', value: 'x y' },
      { name: 'ttl', value: '2m' },
    ]
    const ref = { apiVersion: tokenTask.taskRef.apiVersion, kind: tokenTask.taskRef.kind }
    const tasks = [
      { name: 'token', taskRef: ref, params },
      { name: 'deploy', runAfter: ['token'] },
    ]
    const steps = plan(
      observe({
        customRun: { spec: { customRef: ref, params } },
        pipelineRun: { status: { pipelineSpec: { tasks } } },
      }),
      now,
    )

    expect(steps[0]).toMatchObject({
      requests: [
        { policy: 'a', scope: ['x', 'y'], requestedExpirySeconds: 120 },
        { policy: 'b', scope: ['x', 'y'], requestedExpirySeconds: 120 },
      ],
    })
  })

  it('waits quietly until the PipelineRun names its child', () => {
    const scene = observe({ pipelineRun: { status: { childReferences: [], pipelineSpec: undefined } } })

    expect(plan(scene, now)).toEqual([{ kind: 'requeue', afterMs: 500 }])
    expect(said(plan(scene, later(500)))).toBe('Unknown Exchanging')
  })

  it('fails a CustomRun that its PipelineRun never names', () => {
    const steps = plan(observe({ pipelineRun: { status: { childReferences: [] } } }), later(600_000))

    expect(said(steps)).toBe('False SpecChanged')
  })

  it.each([
    ['an unknown param', { customRun: { spec: { params: [{ name: 'polcy', value: 'a' }] } } }, 'Unknown param polcy'],
    ['standing alone', { pipelineRun: 'none' as const }, 'make it a task of a Pipeline'],
    [
      'another kind of our group',
      { customRun: { spec: { customRef: { ...tokenTask.taskRef, kind: 'TokenExchang' } } } },
      'tokenbroker.dev/v1alpha1 has no kind TokenExchang: TokenExchange is meant',
    ],
    [
      'another version of our group',
      { customRun: { spec: { customRef: { ...tokenTask.taskRef, apiVersion: 'tokenbroker.dev/v1' } } } },
      'tokenbroker.dev/v1alpha1 is meant, kind TokenExchange',
    ],
    [
      'nothing behind it',
      { pipelineRun: { status: { pipelineSpec: { tasks: [tokenTask, { name: 'deploy' }] } } } },
      'add runAfter: [token]',
    ],
  ])('fails as InvalidParams for %s', (_, scene, message) => {
    const steps = plan(observe(scene), now)

    expect(said(steps)).toBe('False InvalidParams')
    expect(messageOf(steps)).toContain(message)
  })

  it.each([
    ['its ServiceAccount', { customRun: { spec: { serviceAccountName: 'admin' } } }, 'spec.serviceAccountName'],
    [
      'its policy',
      { customRun: { spec: { customRef: { ...tokenTask.taskRef, name: 'production' } } } },
      'spec.customRef.name',
    ],
    ['its spec while it ran', { customRun: { status: goesOn('Exchanging') }, specHash: 'h2' }, 'its spec'],
  ])('fails as SpecChanged when somebody changed %s', (_, scene, message) => {
    const steps = plan(observe(scene), now)

    expect(said(steps)).toBe('False SpecChanged')
    expect(messageOf(steps)).toContain(message)
  })
})

describe('plan, with the answer of the broker', () => {
  it('writes results, condition and times in one patch', () => {
    const steps = plan(observe({ customRun: held, attempt: { answers: [authorized] } }), later(40))

    expect(kinds(steps)).toEqual(['patch-status', 'emit-event'])
    expect(statusOf(steps)).toEqual({
      observedGeneration: 1,
      startTime: '2026-01-01T00:00:02Z',
      completionTime: '2026-01-01T00:00:02Z',
      extraFields: { specHash: 'h1' },
      results: [
        { name: 'authorization-id', value: 'auth-1' },
        { name: 'policy', value: 'deploy-staging' },
        { name: 'audience', value: 'https://deploy.example.com' },
        { name: 'scope', value: 'deploy:staging image:push' },
        { name: 'expires-at', value: '2026-01-01T01:00:00Z' },
      ],
      conditions: [
        {
          type: 'Succeeded',
          status: 'True',
          reason: 'Authorized',
          message:
            'The run may get deploy:staging image:push at https://deploy.example.com in the tasks behind until it ends (exchange ex-1)',
          lastTransitionTime: '2026-01-01T00:00:02Z',
        },
      ],
    })
  })

  it('writes nothing but the status: what the run may get is on the list of the broker', () => {
    expect(kinds(plan(observe({ attempt: { answers: [authorized] } }), now))).toEqual(['patch-status', 'emit-event'])
  })

  it('separates several policies by commas', () => {
    const second = { ...authorized, authorizationId: 'auth-2', policy: 'push', scope: ['image:push'] }
    const { results } = statusOf(plan(observe({ attempt: { answers: [authorized, second] } }), now))

    expect(results?.map((one) => one.value)).toEqual([
      'auth-1,auth-2',
      'deploy-staging,push',
      'https://deploy.example.com,https://deploy.example.com',
      'deploy:staging image:push,image:push',
      '2026-01-01T01:00:00Z,2026-01-01T01:00:00Z',
    ])
  })

  const word = { ...refused, approval: 'approval-1' }
  it.each([
    ['a refusal', {}, [refused], 'False Denied'],
    ['one refusal of two', {}, [authorized, refused], 'False Denied'],
    ['a refusal that no person gave', {}, [{ ...refused, error: 'access_denied' }], 'False Denied'],
    ["a person's no", {}, [{ ...word, error: 'access_denied' }], 'False ApprovalRejected'],
    ['nobody in time', {}, [{ ...word, error: 'expired_token' }], 'False ApprovalExpired'],
    ['a provider that failed', {}, [providerFailed], 'False ProviderFailed'],
    ['a proxy that failed', {}, [{ ...providerFailed, exchangeId: undefined }], 'Unknown BrokerUnavailable'],
    ['no answer', {}, [unavailable], 'Unknown BrokerUnavailable'],
    ['no answer for one of two', {}, [authorized, unavailable], 'Unknown BrokerUnavailable'],
    ['a person to ask', {}, [pending], 'Unknown AwaitingApproval'],
    ['a refusal beside no answer', {}, [unavailable, refused], 'False Denied'],
  ])('says of %s what it is', (_, customRun, answers, expected) => {
    const steps = plan(observe({ customRun, attempt: { answers, nextAskAt: later(5000) } }), now)

    expect(said(steps)).toBe(expected)
  })

  it("tells the broker's sentence and the exchange id", () => {
    expect(messageOf(plan(observe({ attempt: { answers: [refused] } }), now))).toBe(
      'Ask for a scope that the policy lists (exchange ex-2)',
    )
  })

  it("tells the broker's sentence about who has to approve", () => {
    const description = 'Waiting for 1 person to approve: tokenbroker approve approval-1 -n payments'
    const answers = [{ ...pending, description }]
    const steps = plan(observe({ attempt: { answers, nextAskAt: later(5000) } }), now)

    expect(messageOf(steps)).toBe(`${description} (exchange ex-3)`)
    expect(steps.at(-1)).toEqual({ kind: 'requeue', afterMs: 5000 })
  })

  it('says no second time that it waits', () => {
    const customRun = { ...held, status: goesOn('BrokerUnavailable') }
    const attempt = { answers: [unavailable], nextAskAt: later(4000) }

    expect(plan(observe({ customRun, attempt }), now)).toEqual([{ kind: 'requeue', afterMs: 4000 }])
  })

  it('asks again when the time has come', () => {
    const customRun = { ...held, status: goesOn('BrokerUnavailable') }
    const attempt = { answers: [unavailable], nextAskAt: later(4000) }

    expect(kinds(plan(observe({ customRun, attempt }), later(4000)))).toEqual(['authorize'])
  })

  it('keeps the transition time while the run goes on', () => {
    const customRun = { status: goesOn('Exchanging') }
    const steps = plan(observe({ customRun, attempt: { answers: [unavailable], nextAskAt: later(9000) } }), later(8000))

    expect(statusOf(steps).conditions[0].lastTransitionTime).toBe('2026-01-01T00:00:01Z')
    expect(statusOf(steps).startTime).toBe('2026-01-01T00:00:01Z')
  })

  it('cuts a message that is too long for a condition', () => {
    const answers = [{ ...refused, description: 'x'.repeat(5000) }]

    expect(messageOf(plan(observe({ attempt: { answers } }), now))).toHaveLength(1024)
  })
})

describe('plan, when the run is cancelled or out of time', () => {
  it("fails with exactly Tekton's reason and message, whatever else is wrong", () => {
    const spec = { status: 'RunCancelled', statusMessage: cancelled, params: [{ name: 'bad', value: 'x' }] }
    const steps = plan(observe({ customRun: { metadata: { generation: 2 }, spec, status: goesOn('Exchanging') } }), now)

    expect(statusOf(steps)).toMatchObject({
      observedGeneration: 2,
      conditions: [{ status: 'False', reason: 'CustomRunCancelled', message: cancelled }],
    })
  })

  it('is not retried when cancelled', () => {
    expect(said(plan(observe({ customRun: { spec: { status: 'RunCancelled', retries: 3 } } }), now))).toBe(
      'False CustomRunCancelled',
    )
  })

  it.each(['gone' as const, { status: { completionTime: '2026-01-01T00:00:02Z' } }])(
    'cancels what is left of a run that ended: %o',
    (pipelineRun) => {
      expect(said(plan(observe({ pipelineRun }), now))).toBe('False CustomRunCancelled')
    },
  )

  const waiting = { answers: [unavailable], nextAskAt: later(60_000) }
  it.each([
    ['30s', 28_999, 'go on'],
    ['30s', 29_000, 'False CustomRunTimedOut'],
    [undefined, 3_599_000, 'False CustomRunTimedOut'],
    ['0s', 40_000, 'go on'],
    ['1m0s', 40_000, 'go on'],
  ])('with timeout %s after %d ms: %s', (timeout, ms, expected) => {
    const customRun = { spec: { timeout }, status: goesOn('BrokerUnavailable') }
    const steps = plan(observe({ customRun, attempt: waiting }), later(ms))

    expect(kinds(steps).includes('patch-status') ? said(steps) : 'go on').toBe(expected)
  })

  it('wakes up in time to time out', () => {
    const customRun = { spec: { timeout: '30s' }, status: goesOn('BrokerUnavailable') }

    expect(plan(observe({ customRun, attempt: waiting }), now)).toEqual([{ kind: 'requeue', afterMs: 29_000 }])
  })
})

describe('plan, with retries', () => {
  const failing = { customRun: { spec: { retries: 2 }, status: goesOn('Exchanging') }, attempt: { answers: [refused] } }

  it('moves the failed attempt into retriesStatus and stays Unknown', () => {
    const steps = plan(observe(failing), now)

    expect(said(steps)).toBe('Unknown Retrying')
    expect(statusOf(steps)).toMatchObject({ startTime: null, completionTime: null, results: null })
    expect(statusOf(steps).retriesStatus).toEqual([
      {
        observedGeneration: 1,
        startTime: '2026-01-01T00:00:01Z',
        completionTime: '2026-01-01T00:00:02Z',
        conditions: [
          {
            type: 'Succeeded',
            status: 'False',
            reason: 'Denied',
            message: 'Ask for a scope that the policy lists (exchange ex-2)',
            lastTransitionTime: '2026-01-01T00:00:02Z',
          },
        ],
      },
    ])
    expect(steps.at(-1)).toEqual({ kind: 'requeue', afterMs: 1000 })
  })

  const attempts = (count: number) =>
    Array.from({ length: count }, () => ({ completionTime: '2026-01-01T00:00:02Z', kept: 'as it is' }))

  it('appends to the attempts before', () => {
    const status = goesOn('Exchanging', { retriesStatus: attempts(1) })
    const steps = plan(observe({ ...failing, customRun: { spec: { retries: 2 }, status } }), now)

    expect(statusOf(steps).retriesStatus).toHaveLength(2)
    expect(statusOf(steps).retriesStatus?.[0]).toEqual({ completionTime: '2026-01-01T00:00:02Z', kept: 'as it is' })
  })

  it('fails when no attempt is left', () => {
    const status = goesOn('Exchanging', { retriesStatus: attempts(2) })

    expect(said(plan(observe({ ...failing, customRun: { spec: { retries: 2 }, status } }), now))).toBe('False Denied')
  })

  const between = {
    ...held,
    spec: { retries: 2 },
    status: goesOn('Retrying', { startTime: undefined, retriesStatus: attempts(2) }),
  }

  it('pauses longer before each attempt', () => {
    expect(plan(observe({ customRun: between }), now)).toEqual([{ kind: 'requeue', afterMs: 2000 }])
  })

  it('begins the next attempt with a new start time', () => {
    const [ask] = plan(observe({ customRun: between }), later(2000))

    expect(ask).toMatchObject({ kind: 'authorize', announcement: { startTime: '2026-01-01T00:00:04Z' } })
  })

  it.each([
    ['params that are wrong', { customRun: { spec: { retries: 2, params: [{ name: 'bad', value: 'x' }] } } }],
    ['a changed spec', { customRun: { spec: { retries: 2 }, status: goesOn('Exchanging') }, specHash: 'h2' }],
    [
      "a person's no",
      {
        customRun: { spec: { retries: 2 }, status: goesOn('AwaitingApproval') },
        attempt: { answers: [{ ...refused, error: 'access_denied', approval: 'approval-1' }] },
      },
    ],
    [
      'people who said nothing in time',
      {
        customRun: { spec: { retries: 2 }, status: goesOn('AwaitingApproval') },
        attempt: { answers: [{ ...refused, error: 'expired_token', approval: 'approval-1' }] },
      },
    ],
  ])('spends no retry on %s', (_, scene) => {
    expect(said(plan(observe(scene), now))).toMatch(/^False/)
  })

  it('spends a retry on a timeout', () => {
    const customRun = { spec: { retries: 2, timeout: '10s' }, status: goesOn('BrokerUnavailable') }

    expect(said(plan(observe({ customRun }), later(9000)))).toBe('Unknown Retrying')
  })
})

describe('plan, for a dry run', () => {
  const params = [{ name: 'dry-run', value: 'true' }]
  const pipelineRun = {
    status: {
      pipelineSpec: {
        tasks: [
          { ...tokenTask, params },
          { name: 'deploy', runAfter: ['token'] },
        ],
      },
    },
  }

  it('asks what would be decided', () => {
    const ask = plan(observe({ customRun: { spec: { params } }, pipelineRun }), now).find(
      (one) => one.kind === 'authorize',
    )

    expect(ask).toMatchObject({ kind: 'authorize', requests: [{ isDryRun: true }] })
  })

  it('is done with the answer, whatever it is, and delivers nothing', () => {
    const scene = { customRun: { ...held, spec: { params } }, pipelineRun, attempt: { answers: [explained] } }
    const steps = plan(observe(scene), now)

    expect(said(steps)).toBe('True Authorized')
    expect(messageOf(steps)).toBe('Dry run, nothing is granted: deny (Grant verb exchange) [exchange ex-1]')
    expect(statusOf(steps).results).toContainEqual({ name: 'decision', value: 'deny' })
    expect(kinds(steps)).toEqual(['patch-status', 'emit-event'])
  })
})
