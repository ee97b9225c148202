import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../../../core/secret.ts'
import { isCustomRunDone, parseCustomRun } from '../../../../core/tekton/custom-run.ts'
import { succeeded } from '../../../../core/tekton/fields.ts'
import type { Observed } from '../../../../custom-task/controller/observed.ts'
import { plan } from '../../../../custom-task/controller/plan.ts'
import {
  type HeldSecret,
  heldSecrets,
  type MadeSecret,
} from '../../../../custom-task/controller/secrets/held-secret.ts'
import { madeSecret, withoutRenewal } from '../../../../custom-task/controller/secrets/made-secret.ts'
import type { Step } from '../../../../custom-task/controller/step.ts'
import { present } from '../../../core/tekton/objects.ts'
import { applyMergePatch } from '../../../fakes/kube/patch.ts'
import { authorized, later, now } from '../observation.ts'
import { observeSecret, tasks } from './secret-scene.ts'

/** What exists beside the plan: the Secrets of the namespace by name, and the time. */
interface World {
  observed: Observed
  readonly secrets: Map<string, string>
  atMs: number
  count: number
}

type Event = 'turn' | 'die before' | 'die after' | 'pass time' | 'end run' | 'consumers end'

const lifeMs = 300_000

function tokenAt(world: World) {
  const moment = later(world.atMs)
  const expiresAt = new Date(moment.getTime() + lifeMs)
  return {
    kind: 'granted',
    accessToken: new Secret('x'),
    expiresAt,
    scope: [],
    exchangeId: 'ex',
    issued: 'bearer',
  } as const
}

function note(world: World, status: object): void {
  const json: unknown = JSON.parse(JSON.stringify(world.observed.customRun))
  const customRun = present(parseCustomRun(applyMergePatch(json, { status })))
  world.observed = { ...world.observed, customRun }
}

const noteSecrets = (world: World, secrets: readonly HeldSecret[]) => note(world, { extraFields: { secrets } })

function remember(world: World, attempt: Partial<Observed['attempt']>): void {
  world.observed = { ...world.observed, attempt: { ...world.observed.attempt, ...attempt } }
}

function newName({ count }: World): string {
  return `tokenbroker-${count
    .toString(32)
    .replaceAll(/[0189]/g, 'z')
    .padStart(26, 'a')}`
}

function make(world: World, reserved: readonly HeldSecret[]): readonly MadeSecret[] {
  return reserved.map((one) => {
    world.count += 1
    const uid = `uid-${world.count}`
    // The API server takes no second object of a name: what is there is discarded, and other names are noted.
    world.secrets.set(one.name, uid)
    return madeSecret(one, uid, tokenAt(world), later(world.atMs))
  })
}

function apply(world: World, step: Step): void {
  switch (step.kind) {
    case 'authorize':
      remember(world, { answers: [authorized], nextAskAt: later(world.atMs) })
      break
    case 'patch-status':
      note(world, step.status)
      break
    case 'reserve-secrets':
      world.count += 1
      noteSecrets(
        world,
        step.policies.map((policy) => ({ name: newName(world), policy })),
      )
      break
    case 'make-secrets':
      makeAll(world, step.reserved)
      break
    case 'renew-secret': {
      const renewed = madeSecret(step.secret, step.secret.uid, tokenAt(world), later(world.atMs))
      noteSecrets(
        world,
        step.held.map((one) => (one === step.secret ? renewed : one)),
      )
      break
    }
    case 'delete-secrets':
      for (const { name } of step.secrets) world.secrets.delete(name)
      noteSecrets(world, step.remaining)
      break
    case 'note-secrets':
      noteSecrets(world, step.secrets)
      break
    case 'hold':
    case 'release':
    case 'emit-event':
    case 'end-run':
    case 'requeue':
      break
  }
}

function makeAll(world: World, reserved: readonly HeldSecret[]): void {
  const taken = reserved.filter(({ name }) => world.secrets.has(name))
  if (taken.length === 0) {
    remember(world, { delivered: make(world, reserved) })
    return
  }
  for (const { name } of taken) world.secrets.delete(name)
  world.count += 1
  noteSecrets(
    world,
    reserved.map(({ policy }) => ({ name: newName(world), policy })),
  )
}

/** A process that dies: what it remembered is gone, what it wrote is there. */
function die(world: World): void {
  remember(world, { answers: undefined, nextAskAt: undefined, delivered: undefined })
}

function play(world: World, event: Event): void {
  if (event === 'pass time') world.atMs += 60_000
  if (event === 'consumers end') world.observed = { ...world.observed, areConsumersRunning: false }
  if (event === 'end run') {
    const pipelineRun = { status: { pipelineSpec: { tasks }, completionTime: '2026-01-01T00:00:01Z' } }
    world.observed = { ...world.observed, owner: observeSecret({ pipelineRun }).owner }
  }
  const steps = plan(world.observed, later(world.atMs))
  if (event === 'die before') die(world)
  if (event === 'die after') {
    // In the middle: one step was taken, and nobody remembers.
    const [first] = steps.filter(({ kind }) => kind !== 'hold')
    if (first !== undefined) apply(world, first)
    die(world)
  }
  if (event === 'turn') for (const step of steps) apply(world, step)
}

function start(): World {
  return { observed: observeSecret(), secrets: new Map(), atMs: 0, count: 0 }
}

const event = fc.constantFrom<Event>(
  'turn',
  'turn',
  'turn',
  'turn',
  'turn',
  'turn',
  'turn',
  'turn',
  'die before',
  'die after',
  'pass time',
  'end run',
  'consumers end',
)
const events = fc.array(event, { maxLength: 40 })

describe('Secrets, whatever happens in whatever order', () => {
  it('never have a name that the status does not note', () => {
    fc.assert(
      fc.property(events, (all) => {
        const world = start()
        for (const one of all) {
          play(world, one)
          const names = heldSecrets(world.observed.customRun).map(({ name }) => name)
          expect([...world.secrets.keys()].filter((name) => !names.includes(name))).toEqual([])
        }
      }),
    )
  })

  it('are there, each under its uid, when the CustomRun first says that it is done', () => {
    let count = 0
    fc.assert(
      fc.property(events, (all) => {
        const world = start()
        for (const one of all) {
          const wasDone = isCustomRunDone(world.observed.customRun)
          play(world, one)
          if (wasDone || succeeded(world.observed.customRun.status.conditions)?.status !== 'True') continue
          count += 1
          for (const { name, uid } of heldSecrets(world.observed.customRun)) expect(world.secrets.get(name)).toBe(uid)
          expect(world.secrets.size).toBe(1)
        }
      }),
      { numRuns: 1000 },
    )
    expect(count).toBeGreaterThan(20)
  })

  it('are gone a few turns after the run ended, or after the token did', () => {
    fc.assert(
      fc.property(events, fc.boolean(), (all, endsRun) => {
        const world = start()
        for (const one of all) play(world, one)
        world.observed = { ...world.observed, areConsumersRunning: false }
        if (endsRun) play(world, 'end run')
        else if (!isCustomRunDone(world.observed.customRun)) return
        else world.atMs += lifeMs + 1000
        for (let i = 0; i < 4; i += 1) play(world, 'turn')

        expect([...world.secrets]).toEqual([])
      }),
    )
  })

  it('are renewed as long as a consumer runs, and never after', () => {
    fc.assert(
      fc.property(events, (all) => {
        const world = start()
        for (const one of all) {
          play(world, one)
          const steps = plan(world.observed, later(world.atMs))
          if (steps.some(({ kind }) => kind === 'renew-secret')) {
            expect(world.observed.areConsumersRunning).toBe(true)
            expect(isCustomRunDone(world.observed.customRun)).toBe(true)
          }
        }
      }),
    )
  })
})

describe('madeSecret', () => {
  const token = (ms: number) => ({ ...tokenAt(start()), expiresAt: later(ms) })

  it.each([
    [300_000, '2026-01-01T00:02:32Z'],
    [20_001, '2026-01-01T00:00:12Z'],
    [15_000, '2026-01-01T00:00:12Z'],
    [10_000, undefined],
  ])('renews a token of %d ms at half of its life, but not within ten seconds', (ms, expected) => {
    expect(madeSecret({ name: 'n' }, 'u', token(ms), now).renewAt).toBe(expected)
  })

  it('keeps all but the renewal where there is none any more', () => {
    const secret = madeSecret({ name: 'n', policy: 'p' }, 'u', token(300_000), now)

    expect(withoutRenewal(secret)).toEqual({ ...secret, renewAt: undefined })
  })
})
