import { describe, expect, it } from 'vitest'
import { plan } from '../../../../custom-task/controller/plan.ts'
import { isAnyRenewalDue } from '../../../../custom-task/controller/secrets/plan-secrets.ts'
import type { Step } from '../../../../custom-task/controller/step.ts'
import { customRunUid } from '../../../core/tekton/objects.ts'
import { goesOn, later, now, said, statusOf } from '../observation.ts'
import { allowed, made, observeSecret, reserved, secretName, succeededWith, tasks } from './secret-scene.ts'

const kinds = (steps: readonly Step[]) => steps.map((step) => step.kind)
const noted = (secrets: readonly object[]) => goesOn('Exchanging', { extraFields: { specHash: 'h1', secrets } })

describe('plan, for a token that goes into a Secret', () => {
  it('asks for the authorisation first, and holds the run', () => {
    expect(kinds(plan(observeSecret({ customRun: { metadata: {} } }), now))).toEqual(['hold', 'authorize'])
  })

  it('holds the run while it waits to be named', () => {
    const pipelineRun = { status: { childReferences: [], pipelineSpec: undefined } }

    expect(kinds(plan(observeSecret({ customRun: { metadata: {} }, pipelineRun }), now))).toEqual(['hold', 'requeue'])
  })

  it('notes a name before anything is made, with the run held', () => {
    expect(plan(observeSecret({ attempt: allowed }), now)).toEqual([
      { kind: 'reserve-secrets', policies: ['deploy-staging'] },
    ])
  })

  it('makes the Secret under the noted name, for the run, with what the CustomRun says', () => {
    expect(plan(observeSecret({ attempt: allowed }, noted([reserved])), now)).toMatchObject([
      {
        kind: 'make-secrets',
        reserved: [reserved],
        run: { kind: 'PipelineRun', name: 'release' },
        requests: [{ customRun: { uid: customRunUid }, policy: 'deploy-staging' }],
      },
    ])
  })

  it('is done once the Secret is there, and says where', () => {
    const attempt = { ...allowed, delivered: [made] }
    const steps = plan(observeSecret({ attempt }, noted([reserved])), now)

    expect(said(steps)).toBe('True Authorized')
    expect(statusOf(steps).extraFields).toEqual({ specHash: 'h1', secrets: [made] })
    expect(statusOf(steps).results?.slice(-3)).toEqual([
      { name: 'exchange-id', value: 'ex-9' },
      { name: 'secret-name', value: made.name },
      { name: 'token-expires-at', value: made.expiresAt },
    ])
    expect(statusOf(steps).conditions[0].message).toContain(`in Secret ${made.name}`)
  })

  it('makes one Secret for each policy, and separates them by commas', () => {
    const params = [
      { name: 'deliver', value: 'secret' },
      { name: 'policy', value: ['a', 'b'] },
    ]
    const taskRef = { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange' }
    const pipelineSpec = { tasks: [{ name: 'token', taskRef, params }, tasks[1]] }
    const two = {
      customRun: { spec: { customRef: taskRef, params } },
      pipelineRun: { status: { pipelineSpec } },
    }
    const secrets = [
      { ...made, policy: 'a' },
      { ...made, policy: 'b', name: secretName('b') },
    ]

    const first = plan(observeSecret({ ...two, attempt: allowed }), now)
    const last = plan(observeSecret({ ...two, attempt: { ...allowed, delivered: secrets } }), now)

    expect(first).toMatchObject([{ kind: 'reserve-secrets', policies: ['a', 'b'] }])
    expect(statusOf(last).results?.find(({ name }) => name === 'secret-name')?.value).toBe(
      `${made.name},${secretName('b')}`,
    )
  })

  it.each([
    ['names that are not ours', [{ ...reserved, name: 'database-password' }]],
    ['names for other policies', [{ ...reserved, policy: 'other' }]],
    ['too many names', [reserved, { ...reserved, name: secretName('b') }]],
    ['no list', []],
  ])('takes new names where the status notes %s', (_what, secrets) => {
    expect(kinds(plan(observeSecret({ attempt: allowed }, noted(secrets)), now))).toEqual(['reserve-secrets'])
  })
})

describe('plan, while the consumers run', () => {
  it('comes back when the token is at half of its life', () => {
    expect(plan(observeSecret({}, succeededWith([made])), now)).toEqual([{ kind: 'requeue', afterMs: 90_000 }])
  })

  it('renews the token then', () => {
    expect(plan(observeSecret({}, succeededWith([made])), later(90_000))).toMatchObject([
      { kind: 'renew-secret', secret: made, held: [made], request: { policy: 'deploy-staging' } },
    ])
  })

  it.each([
    ['once the consumers are over', { areConsumersRunning: false }],
    ['where Secrets are not offered any more', { secretDelivery: false }],
    [
      'for a CustomRun that somebody deletes',
      { customRun: { metadata: { deletionTimestamp: '2026-01-01T00:00:01Z' } } },
    ],
  ])('renews no more %s', (_what, scene) => {
    const status = succeededWith([made])
    const { customRun, ...rest } = { customRun: {}, ...scene }
    const { renewAt: _, ...unrenewed } = made
    const steps = plan(observeSecret({ ...rest, customRun: { status, ...customRun } }), later(90_000))

    expect(steps[0]).toEqual({ kind: 'note-secrets', secrets: [unrenewed] })
  })

  it('deletes a Secret at its expiry, and keeps the others', () => {
    const other = { ...made, name: secretName('b'), expiresAt: '2026-01-01T01:00:00Z' }
    const steps = plan(observeSecret({}, succeededWith([made, other])), later(241_000))

    expect(steps).toEqual([{ kind: 'delete-secrets', secrets: [made], remaining: [other] }])
  })

  it('looks at the consumers only when a renewal is due, and never for an edited CustomRun', () => {
    const observed = observeSecret({}, succeededWith([made]))

    expect(isAnyRenewalDue(observed, later(89_000))).toBe(false)
    expect(isAnyRenewalDue(observed, later(90_000))).toBe(true)
    expect(isAnyRenewalDue({ ...observed, specHash: 'h2' }, later(90_000))).toBe(false)
  })
})

describe('plan, at the end', () => {
  const ended = { status: { pipelineSpec: { tasks }, completionTime: '2026-01-01T00:00:01Z' } }

  it.each([
    ['done', ended],
    ['gone', 'gone'],
    ['being deleted', { metadata: { deletionTimestamp: '2026-01-01T00:00:01Z' }, status: { pipelineSpec: { tasks } } }],
  ] as const)('deletes every Secret before the end of a run that is %s is told', (_what, pipelineRun) => {
    const steps = plan(observeSecret({ pipelineRun }, succeededWith([made])), now)

    expect(steps[0]).toEqual({ kind: 'delete-secrets', secrets: [made], remaining: [] })
    expect(kinds(steps)).toEqual(['delete-secrets', 'end-run', 'release'])
  })

  it('deletes what was noted and perhaps made, where the CustomRun failed', () => {
    const status = goesOn('Denied', {
      extraFields: { specHash: 'h1', secrets: [reserved] },
      conditions: [{ type: 'Succeeded', status: 'False', reason: 'Denied' }],
    })

    expect(plan(observeSecret({}, status), now)).toEqual([
      { kind: 'delete-secrets', secrets: [reserved], remaining: [] },
    ])
  })

  it('deletes nothing that the status cannot have noted', () => {
    const status = succeededWith([{ ...made, name: 'database-password' }])

    expect(kinds(plan(observeSecret({ pipelineRun: ended }, status), now))).toEqual(['end-run', 'release'])
  })

  it('asks for no more deletions than it can have noted Secrets, however long the list was made', () => {
    const many = Array.from({ length: 10_000 }, () => made)
    const steps = plan(observeSecret({ pipelineRun: ended }, succeededWith(many)), now)

    expect(steps[0]).toEqual({ kind: 'delete-secrets', secrets: many.slice(0, 8), remaining: [] })
  })
})
