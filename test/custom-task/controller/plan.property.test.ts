import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCustomRunDone, parseCustomRun } from '../../../core/tekton/custom-run.ts'
import type { Answer } from '../../../custom-task/controller/broker.ts'
import type { Observed } from '../../../custom-task/controller/observed.ts'
import { plan } from '../../../custom-task/controller/plan.ts'
import { runEndFinalizer } from '../../../custom-task/controller/plan-end.ts'
import type { StatusPatch, Step } from '../../../custom-task/controller/step.ts'
import { present, tokenTask } from '../../core/tekton/objects.ts'
import { applyMergePatch } from '../../fakes/kube/patch.ts'
import {
  authorized,
  goesOn,
  held,
  later,
  now,
  observe,
  pending,
  providerFailed,
  refused,
  type Scene,
  unavailable,
} from './observation.ts'

/** What a Kubernetes object is after the steps, and what the process remembers. */
function outcome(before: Observed, steps: readonly Step[]): Observed {
  let observed = before
  for (const step of steps) {
    const others = observed.customRun.metadata.finalizers.filter((one) => one !== runEndFinalizer)
    if (step.kind === 'hold') observed = withFinalizers(observed, [...others, runEndFinalizer])
    if (step.kind === 'release') observed = withFinalizers(observed, others)
    if (step.kind === 'patch-status') observed = withStatus(observed, step.status)
  }
  return observed
}

function withStatus(observed: Observed, status: StatusPatch): Observed {
  const json: unknown = JSON.parse(JSON.stringify(observed.customRun))
  const customRun = present(parseCustomRun(applyMergePatch(json, { status })))
  const isNewAttempt = customRun.status.retriesStatus.length > observed.customRun.status.retriesStatus.length
  const fresh = { firstSeenAt: now, answers: undefined, nextAskAt: undefined, delivered: undefined }
  return { ...observed, customRun, attempt: isNewAttempt ? fresh : observed.attempt }
}

function withFinalizers(observed: Observed, finalizers: readonly string[]): Observed {
  const { customRun } = observed
  return { ...observed, customRun: { ...customRun, metadata: { ...customRun.metadata, finalizers } } }
}

const answer = fc.constantFrom<Answer>(authorized, refused, pending, unavailable, providerFailed)

const done = goesOn('Denied', { conditions: [{ type: 'Succeeded', status: 'False', reason: 'Denied' }] })
const spec = fc.record(
  {
    retries: fc.nat(2),
    timeout: fc.constantFrom('0s', '1s', '10s', '1h0m0s', 'nonsense'),
    status: fc.constant('RunCancelled'),
    params: fc.constantFrom<object[]>(
      [{ name: 'bad', value: 'x' }],
      [{ name: 'ttl', value: '5m' }],
      [{ name: 'deliver', value: 'secret' }],
      [],
    ),
    serviceAccountName: fc.constantFrom('deployer', 'admin'),
  },
  { requiredKeys: ['serviceAccountName'] },
)
const status = fc.constantFrom(
  undefined,
  {},
  goesOn('Exchanging'),
  goesOn('AwaitingApproval'),
  goesOn('BrokerUnavailable'),
  goesOn('Retrying', { startTime: undefined, retriesStatus: [{ completionTime: '2026-01-01T00:00:01Z' }] }),
  done,
)
const metadata = fc.constantFrom({}, held.metadata, { deletionTimestamp: '2026-01-01T00:00:01Z' })
const pipelineRun = fc.constantFrom<Scene['pipelineRun']>(
  undefined,
  'gone',
  'none',
  { status: { completionTime: '2026-01-01T00:00:01Z' } },
  { status: { childReferences: [] } },
  { status: { pipelineSpec: { tasks: [tokenTask] } } },
)
const attempt = fc.record({
  firstSeenAt: fc.nat(5000).map((ms) => later(-ms)),
  answers: fc.option(fc.array(answer, { minLength: 1, maxLength: 3 }), { nil: undefined }),
  nextAskAt: fc.option(
    fc.integer({ min: -5000, max: 5000 }).map((ms) => later(ms)),
    { nil: undefined },
  ),
})

const drawn = (arbitraries: Readonly<Record<string, fc.Arbitrary<unknown>>>) =>
  fc.record(arbitraries).map((one) => observe(one as Scene))

/** Whatever can be seen, most of it out of order. */
const anything = drawn({
  customRun: fc.record({ metadata, spec, status }),
  pipelineRun,
  attempt,
  specHash: fc.constantFrom('h1', 'h2'),
})
/** A run in order: what is left to chance are the broker and the time. */
const orderly = drawn({
  customRun: fc.record({ status: fc.constantFrom(undefined, goesOn('Exchanging'), goesOn('AwaitingApproval')) }),
  attempt,
})
const scene = fc.oneof(anything, orderly)

const at = fc.nat(20_000).map((ms) => later(ms))
const has = (steps: readonly Step[], kind: Step['kind']) => steps.some((step) => step.kind === kind)

/** Runs the check on scenes that it is about, and fails when there were none. */
function forAny(isAbout: (observed: Observed, moment: Date) => boolean, check: (o: Observed, moment: Date) => void) {
  let count = 0
  fc.assert(
    fc.property(scene, at, (observed, moment) => {
      if (!isAbout(observed, moment)) return
      count += 1
      check(observed, moment)
    }),
    { numRuns: 2000 },
  )
  expect(count).toBeGreaterThan(20)
}

const isOpen = ({ customRun }: Observed) =>
  !isCustomRunDone(customRun) && customRun.metadata.deletionTimestamp === undefined
const isTurn = (step: Step) => step.kind === 'requeue'
const isDuty = (step: Step) => step.kind === 'end-run' || step.kind === 'release'
const says = (steps: readonly Step[]) => steps.flatMap((step) => (step.kind === 'patch-status' ? [step.status] : []))
const isAuthorized = (observed: Observed, moment: Date) =>
  says(plan(observed, moment)).some((status) => status.conditions[0].status === 'True')

describe('plan, for any observation', () => {
  it('asks for nothing but a later turn once its own outcome is observed', () => {
    const isAnswered = (observed: Observed, moment: Date) => !has(plan(observed, moment), 'authorize')
    forAny(isAnswered, (observed, moment) => {
      const first = outcome(observed, plan(observed, moment))
      const again = plan(first, moment)

      // A run that just ended may leave the duty to tell so; with that done nothing is left.
      expect(again.filter((step) => !isTurn(step) && !isDuty(step))).toEqual([])
      expect(plan(outcome(first, again), moment).filter((step) => !isTurn(step))).toEqual([])
    })
  })

  it('writes no status to a CustomRun that is done or being deleted', () => {
    const isOver = (observed: Observed) => !isOpen(observed)
    forAny(isOver, (observed, moment) => expect(says(plan(observed, moment))).toEqual([]))
  })

  it('says True only when the broker allowed every request', () => {
    forAny(isAuthorized, (observed) => {
      expect(observed.attempt.answers?.every((one) => one.kind === 'authorized')).toBe(true)
    })
  })

  it('holds only what is to bring a Secret', () => {
    const holds = (observed: Observed, moment: Date) => has(plan(observed, moment), 'hold')
    const bringsSecret = ({ customRun }: Observed) =>
      customRun.spec.params.some(({ name, value }) => name === 'deliver' && value === 'secret')
    forAny(
      (observed, moment) => !bringsSecret(observed) && isOpen(observed) && has(plan(observed, moment), 'authorize'),
      (observed, moment) => expect(holds(observed, moment)).toBe(false),
    )
  })

  it('comes back to every CustomRun that it leaves open', () => {
    const staysOpen = (observed: Observed, moment: Date) => isOpen(outcome(observed, plan(observed, moment)))
    forAny(staysOpen, (observed, moment) => {
      const steps = plan(observed, moment)

      expect(has(steps, 'authorize') || has(steps, 'requeue')).toBe(true)
    })
  })

  it('keeps reason and message within what Kubernetes takes', () => {
    const speaks = (observed: Observed, moment: Date) => says(plan(observed, moment)).length > 0
    forAny(speaks, (observed, moment) => {
      for (const status of says(plan(observed, moment))) {
        const [{ reason, message }] = status.conditions
        expect(reason).toMatch(/^[A-Za-z]+$/)
        expect(message).toMatch(/^.{1,1024}$/)
      }
    })
  })
})
