import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Answer } from '../../broker/answer.ts'
import { asProblem, createExchange } from '../../broker/exchange.ts'
import type { Door } from '../../broker/known.ts'
import { Problem, type ProblemReason, problems } from '../../core/problem.ts'
import {
  accessToken,
  actorToken,
  exchangeId,
  forms,
  gatheredOf,
  type Played,
  play,
  refusedFacts,
  subjectToken,
  workload,
} from './exchange-fixture.ts'

const signal = new AbortController().signal

async function run(
  { steps }: Played,
  body: string = forms.exchange(),
  door: Door = 'token',
  abort = signal,
): Promise<Answer> {
  return await createExchange(steps)({ door, body, peerAddress: '10.0.0.7' }, abort)
}

function json(answer: Answer): Readonly<Record<string, unknown>> {
  return JSON.parse(answer.body) as Record<string, unknown>
}

/** A step that fails. */
function failing(reason: ProblemReason) {
  return async () => {
    throw new Problem(reason, { detail: 'for the operator' })
  }
}

/** A step with a bug in it, whose message holds what nobody should see. */
const bug = async () => {
  throw new TypeError(`cannot read properties of ${subjectToken}`)
}

/** A journal that cannot be written at all. */
const noJournal = { record: failing('audit_unavailable') }

/** Nothing of a credential may be in what is kept or sent, the issued token in its own member aside. */
function expectNoCredentials({ entries, observed }: Played, answer?: Answer): void {
  const kept = [
    JSON.stringify(entries),
    inspect(entries, { depth: null }),
    JSON.stringify(observed.map((o) => o.outcome)),
  ]
  const sent = answer === undefined || answer.status === 200 ? [] : [JSON.stringify(answer)]
  for (const token of [subjectToken, actorToken, accessToken]) {
    for (const part of token.split('.').slice(1)) expect([...kept, ...sent].join('\n')).not.toContain(part)
  }
}

describe('createExchange', () => {
  it('answers a token once its record is durable', async () => {
    const played = play()

    const answer = await run(played)

    expect(answer.status).toBe(200)
    expect(json(answer)).toEqual({
      access_token: accessToken,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'deploy:staging',
      exchange_id: exchangeId,
    })
    expect(played.taken).toEqual([
      'verify',
      'gather',
      'settle',
      'issue',
      'record granted',
      'durable',
      'observe granted',
    ])
    expectNoCredentials(played)
  })

  it('does not answer while the record is not durable', async () => {
    const disk = Promise.withResolvers<never>()
    let isAnswered = false
    const answering = run(play({ record: () => disk.promise })).then((answer) => {
      isAnswered = true
      return answer
    })

    await new Promise((resolve) => setImmediate(resolve))
    const before = isAnswered
    disk.reject(new Problem('audit_unavailable'))

    expect(before).toBe(false)
    expect((await answering).status).toBe(503)
  })

  it('makes the intent durable before it asks a provider beyond this process', async () => {
    const played = play({ callsUpstream: () => true })

    await run(played)

    expect(played.taken).toEqual([
      'verify',
      'gather',
      'settle',
      'record intended',
      'durable',
      'issue',
      'record granted',
      'durable',
      'observe granted',
    ])
    expect(played.entries.map(({ type }) => type)).toEqual([
      'dev.tokenbroker.exchange.intended.v1',
      'dev.tokenbroker.exchange.granted.v1',
    ])
  })

  it('asks no provider when the intent cannot be recorded', async () => {
    const played = play({ callsUpstream: () => true, ...noJournal })

    const answer = await run(played)

    expect(answer.status).toBe(503)
    expect(played.taken).not.toContain('issue')
  })

  it('lets no token out when it cannot be recorded', async () => {
    const played = play(noJournal)

    const answer = await run(played)

    expect(answer.status).toBe(503)
    expect(answer.headers).toMatchObject({ 'Retry-After': expect.stringMatching(/^\d+$/) })
    expect(json(answer)).toMatchObject({ error: 'temporarily_unavailable', exchange_id: exchangeId })
    expect(answer.body).not.toContain(accessToken)
    expect(played.counted).toEqual([{ door: 'token', reason: 'audit_unavailable' }])
    expectNoCredentials(played, answer)
  })

  it('lets no token out when recording has a bug either', async () => {
    const played = play({ record: bug })

    const answer = await run(played)

    expect(answer.status).toBe(500)
    expect(answer.body).not.toContain(accessToken)
    expectNoCredentials(played, answer)
  })

  it.each([
    ['the provider fails', { issue: failing('provider_unavailable') }],
    ['the record cannot be written', { record: failing('audit_unavailable') }],
  ])('gives back what it reserved where %s, and nothing where all went well', async (_, changes) => {
    const released: string[] = []
    const release = (id: string) => void released.push(id)

    await run(play({ release }))
    expect(released).toEqual([])
    await run(play({ release, ...changes }))
    expect(released).toEqual([exchangeId])
  })

  it('authorises a run at the other door, and issues nothing', async () => {
    const played = play()

    const answer = await run(played, forms.delegated(), 'authorize')

    expect(json(answer)).toEqual({
      authorization_id: 'authorization-1',
      expires_at: '2026-03-01T13:00:00Z',
      policy: 'deploy',
      audience: 'https://deploy.example.com',
      scope: 'deploy:staging',
      exchange_id: exchangeId,
    })
    expect(played.taken).toEqual([
      'verify',
      'gather',
      'authorize',
      'record authorized',
      'durable',
      'observe authorized',
    ])
    expectNoCredentials(played, answer)
  })

  it('gives the controller no token for a CustomRun', async () => {
    const played = play()

    const answer = await run(played, forms.delegated(), 'token')

    expect(answer.status).toBe(400)
    expect(answer.body).toContain('/authorize')
    expect(played.taken).toEqual(['verify', 'gather', 'record denied', 'durable', 'observe refused'])
    expectNoCredentials(played, answer)
  })

  it('gives the controller the token that goes into a Secret, recorded under both', async () => {
    const gathered = gatheredOf({ delegation: { deliver: 'secret', isDryRun: false, isDone: true } })
    const played = play({ gather: async () => gathered })

    const answer = await run(played, forms.delegated(), 'token')

    expect(json(answer)).toMatchObject({ access_token: accessToken })
    expect(played.entries[0]?.data).toMatchObject({
      outcome: 'granted',
      subject: { service_account: 'deployer' },
      actor: { pod: workload.pod.name },
    })
  })

  it('gives an actor nothing that is not the controller, and records it under its name', async () => {
    const why = 'its pod does not belong to the Deployment of the controller'
    const played = play({ proveActor: async () => ({ isController: false, why }) })

    const answer = await run(played, forms.delegated(), 'authorize')

    expect([answer.status, json(answer)]).toMatchObject([400, { error: 'invalid_request' }])
    expect(played.taken).not.toContain('gather')
    expect(played.entries[0]?.data).toMatchObject({
      reason: 'actor_not_allowed',
      detail: why,
      actor: { pod: workload.pod.name },
    })
  })

  it('records whether the controller came from an address of its pod', async () => {
    const played = play()

    await run(played, forms.delegated(), 'authorize')

    expect(played.entries[0]?.data.request).toMatchObject({ peer_address: '10.0.0.7', peer_is_actor_pod: true })
  })

  it('authorises nothing for a pod, and says where a pod asks', async () => {
    const played = play()

    const answer = await run(played, forms.exchange(), 'authorize')

    expect([answer.status, json(answer)]).toMatchObject([403, { error: 'access_denied' }])
    expect(answer.body).toContain('/token')
    expect(played.entries[0]?.data).toMatchObject({ outcome: 'denied', reason: 'caller_not_allowed' })
  })

  it('authorises nothing for a CustomRun that is done', async () => {
    const played = play({
      gather: async () => gatheredOf({ delegation: { deliver: 'secret', isDryRun: false, isDone: true } }),
    })

    const answer = await run(played, forms.delegated(), 'authorize')

    expect([answer.status, json(answer)]).toMatchObject([400, { error: 'invalid_request' }])
  })

  it('hands every step the signal of the request', async () => {
    const seen: AbortSignal[] = []
    const played = play()
    const { verify, gather, issue } = played.steps
    const watching = {
      ...played.steps,
      verify: (request: Parameters<typeof verify>[0], abort: AbortSignal) => {
        seen.push(abort)
        return verify(request, abort)
      },
      gather: (...args: Parameters<typeof gather>) => {
        seen.push(args[3])
        return gather(...args)
      },
      issue: (...args: Parameters<typeof issue>) => {
        seen.push(args[1])
        return issue(...args)
      },
    }

    await createExchange(watching)({ door: 'token', body: forms.exchange(), peerAddress: undefined }, signal)

    expect(seen).toEqual([signal, signal, signal])
  })

  describe('before it knows who asks', () => {
    it.each([
      ['a malformed form', 'a=1&a=2', 'malformed_request'],
      ['too many parameters', Array.from({ length: 17 }, (_, i) => `p${i}=1`).join('&'), 'request_too_large'],
      ['an empty body', '', 'parameter_missing'],
      ['a grant that it does not know', forms.exchange({ grant_type: 'password' }), 'unsupported_grant_type'],
      ['a malformed scope', forms.exchange({ scope: 'a  b' }), 'scope_malformed'],
    ] as const)('counts %s and records nothing', async (_what, body, reason) => {
      const played = play()

      const answer = await run(played, body)

      expect(answer.status).toBe(problems[reason].status)
      expect(json(answer)).toMatchObject({ error: problems[reason].oauth })
      expect(played.taken).toEqual(['observe refused', 'count'])
      expect(played.counted).toEqual([{ door: 'token', reason }])
      expectNoCredentials(played, answer)
    })

    it.each([
      'subject_token_signature',
      'subject_token_expired',
      'actor_token_refused',
      'rate_limited',
      'kubernetes_unavailable',
    ] as const)('counts %s and records nothing', async (reason) => {
      const played = play({ verify: failing(reason) })

      const answer = await run(played)

      expect(answer.status).toBe(problems[reason].status)
      expect(json(answer)).toEqual({
        error: problems[reason].oauth,
        error_description: problems[reason].mend,
        exchange_id: exchangeId,
      })
      expect(played.taken).toEqual(['verify', 'observe refused', 'count'])
      expect(played.counted).toEqual([{ door: 'token', reason }])
    })

    it('counts by the door that was asked', async () => {
      const played = play({ verify: failing('subject_token_key') })

      await run(played, forms.exchange(), 'authorize')

      expect(played.counted).toEqual([{ door: 'authorize', reason: 'subject_token_key' }])
    })
  })

  describe('once it knows who asks', () => {
    it('records a denial before it answers it', async () => {
      const played = play({ gather: async () => gatheredOf({ facts: refusedFacts }) })

      const answer = await run(played)

      expect(answer.status).toBe(400)
      expect(json(answer)).toEqual({
        error: 'invalid_scope',
        error_description: problems.rbac_denied.mend,
        exchange_id: exchangeId,
      })
      expect(played.taken).toEqual(['verify', 'gather', 'record denied', 'durable', 'observe refused'])
      expect(played.entries[0]?.data).toMatchObject({
        outcome: 'denied',
        reason: 'rbac_denied',
        policy: { name: 'deploy', rule: 'rbac' },
      })
    })

    it.each([
      ['gathering', { gather: failing('kubernetes_unavailable') }, 'kubernetes_unavailable', 'failed'],
      ['gathering', { gather: failing('actor_not_allowed') }, 'actor_not_allowed', 'denied'],
      ['gathering', { gather: failing('workload_gone') }, 'workload_gone', 'denied'],
      ['issuing', { issue: failing('provider_unavailable') }, 'provider_unavailable', 'failed'],
      ['issuing', { issue: failing('provider_answer_invalid') }, 'provider_answer_invalid', 'failed'],
    ] as const)('records that %s ended in a problem', async (_what, changes, reason, outcome) => {
      const played = play(changes)

      const answer = await run(played)

      expect(answer.status).toBe(problems[reason].status)
      expect(played.counted).toEqual([])
      expect(played.entries.at(-1)?.data).toMatchObject({ outcome, reason, detail: 'for the operator' })
      expect(answer.body).not.toContain('for the operator')
    })

    it('records what settling refuses', async () => {
      const settle = () => {
        throw new Problem('run_ended')
      }
      const played = play({ settle })

      expect(json(await run(played))).toMatchObject({ error: 'access_denied' })
      expect(played.entries[0]?.data.reason).toBe('run_ended')
    })

    it('counts a flood and records nothing of it', async () => {
      const played = play({ gather: failing('rate_limited') })

      const answer = await run(played)

      expect(answer.status).toBe(429)
      expect(answer.headers).toHaveProperty('Retry-After')
      expect(played.taken).toEqual(['verify', 'gather', 'observe refused', 'count'])
    })

    it('answers 503 in place of a denial that cannot be recorded', async () => {
      const played = play({ gather: async () => gatheredOf({ facts: refusedFacts }), ...noJournal })

      const answer = await run(played)

      expect(answer.status).toBe(503)
      expect(json(answer)).toMatchObject({ error: 'temporarily_unavailable' })
      expect(played.counted).toEqual([{ door: 'token', reason: 'audit_unavailable' }])
    })
  })

  describe('with a bug in', () => {
    it.each(['verify', 'gather', 'issue'] as const)('%s, shows nothing of it', async (step) => {
      const played = play({ [step]: bug })

      const answer = await run(played)

      expect(answer.status).toBe(500)
      expect(json(answer)).toEqual({
        error: 'server_error',
        error_description: problems.internal_error.mend,
        exchange_id: exchangeId,
      })
      expect(answer.body).not.toMatch(/TypeError|cannot read|at |\.ts/)
      expectNoCredentials(played, answer)
    })

    it('a later step, records it as failed under the name of the error', async () => {
      const played = play({ issue: bug })

      await run(played)

      expect(played.entries[0]?.data).toMatchObject({
        outcome: 'failed',
        reason: 'internal_error',
        detail: 'TypeError',
      })
    })
  })

  describe('given up by its deadline', () => {
    it.each(['verify', 'gather', 'issue'] as const)('in %s, says that it took too long', async (step) => {
      const waiting = async () => {
        throw new DOMException('The operation timed out', 'TimeoutError')
      }
      const played = play({ [step]: waiting })

      const answer = await run(played, forms.exchange(), 'token', AbortSignal.abort())

      expect(answer.status).toBe(503)
      expect(answer.headers).toHaveProperty('Retry-After')
      expect(json(answer)).toMatchObject({ error: 'temporarily_unavailable' })
      expect(played.observed[0]?.outcome).toMatchObject({ kind: 'refused', problem: { reason: 'deadline_exceeded' } })
    })
  })

  describe('on the jwt-bearer grant', () => {
    it.each([
      ['subject_token_signature', 'invalid_grant'],
      ['subject_token_expired', 'invalid_grant'],
      ['workload_gone', 'invalid_grant'],
      ['rate_limited', 'temporarily_unavailable'],
      ['kubernetes_unavailable', 'temporarily_unavailable'],
      ['internal_error', 'server_error'],
    ] as const)('answers %s with %s', async (reason, error) => {
      const answer = await run(play({ verify: failing(reason) }), forms.bearer())

      expect(json(answer)).toEqual({ error, error_description: problems[reason].mend, exchange_id: exchangeId })
      expect(answer.status).toBe(problems[reason].status)
    })

    it('decides the same as on token exchange', async () => {
      const [bearer, exchange] = [play(), play()]

      const answers = [await run(bearer, forms.bearer()), await run(exchange)]

      expect(answers[0]).toEqual(answers[1])
      expect(bearer.taken).toEqual(exchange.taken)
    })

    it('answers what policy refuses as on token exchange', async () => {
      const gather = async () => gatheredOf({ facts: refusedFacts })

      expect(json(await run(play({ gather }), forms.bearer()))).toMatchObject({ error: 'invalid_scope' })
    })
  })

  it('forbids caches and sniffing on every answer', async () => {
    const answers = [
      await run(play()),
      await run(play(), forms.delegated(), 'authorize'),
      await run(play(), ''),
      await run(play(noJournal)),
      await run(play({ gather: bug })),
    ]

    for (const { headers } of answers) {
      expect(headers).toMatchObject({
        'Content-Type': 'application/json',
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
      })
    }
  })
})

describe('asProblem', () => {
  const problem = new Problem('run_ended')

  it.each([
    ['a Problem, as it is', problem, undefined, 'run_ended', undefined],
    ['a Problem, even after the deadline', problem, AbortSignal.abort(), 'run_ended', undefined],
    ['an error after the deadline', new TypeError('x'), AbortSignal.abort(), 'deadline_exceeded', undefined],
    ['an error before the deadline', new TypeError('x'), signal, 'internal_error', 'TypeError'],
    ['text that was thrown', 'x', undefined, 'internal_error', 'unknown'],
  ])('takes %s', (_what, cause, abort, reason, detail) => {
    expect(asProblem(cause, abort)).toMatchObject({ reason, detail })
  })
})
