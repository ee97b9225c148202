import { describe, expect, it } from 'vitest'
import { authenticateCaller } from '../../broker/callers.ts'
import { createIdentifyRequester } from '../../broker/requester.ts'
import type { Workload } from '../../core/identity/workload.ts'
import { parseExchangeRequest } from '../../core/oauth/exchange-request.ts'
import { parseForm } from '../../core/oauth/form.ts'
import { Problem, type ProblemReason } from '../../core/problem.ts'
import type { Secret } from '../../core/secret.ts'
import { rejection } from '../core/reason-of.ts'
import { actorToken, forms, reference, subjectToken, workload } from './exchange-fixture.ts'

const signal = new AbortController().signal
const account = { namespace: 'payments', serviceAccount: 'deployer' }

function verifier(result: Workload | ProblemReason | Error = workload) {
  const seen: string[] = []
  const verify = async (token: Secret): Promise<Workload> => {
    seen.push(token.reveal())
    if (typeof result === 'string') throw new Problem(result)
    if (result instanceof Error) throw result
    return result
  }
  return { verify, seen }
}

interface Rates {
  readonly pod?: boolean
  readonly namespace?: boolean
  readonly controller?: typeof account
}

function identify(
  form: string,
  result?: Parameters<typeof verifier>[0],
  { pod = true, namespace = true, controller }: Rates = {},
) {
  const { verify, seen } = verifier(result)
  const keys: string[] = []
  const rate = (isWithin: boolean) => (key: string) => {
    keys.push(key)
    return isWithin
  }
  const deps = { verify, controller, isWithinPodRate: rate(pod), isWithinNamespaceRate: rate(namespace) }
  const identifying = createIdentifyRequester(deps)(parseExchangeRequest(parseForm(form)), signal)
  return { identifying, seen, keys }
}

describe('createIdentifyRequester', () => {
  it('knows a pod by its own token', async () => {
    const { identifying, seen, keys } = identify(forms.exchange())

    expect(await identifying).toEqual({ kind: 'pod', workload })
    expect(seen).toEqual([subjectToken])
    expect(keys).toEqual(['main pod-uid', 'main payments'])
  })

  it('knows an actor by its own token, and the CustomRun by what it names', async () => {
    const { identifying, seen } = identify(forms.delegated())

    expect(await identifying).toEqual({ kind: 'customrun', workload, reference })
    expect(seen).toEqual([actorToken])
  })

  it.each<[string, ProblemReason, ProblemReason]>([
    ['the reason of a pod', 'subject_token_expired', 'subject_token_expired'],
    ['that a service behind it is down', 'kubernetes_unavailable', 'kubernetes_unavailable'],
  ])('says %s', async (_what, reason, expected) => {
    expect((await rejection(identify(forms.exchange(), reason).identifying)).reason).toBe(expected)
  })

  it.each<[ProblemReason, ProblemReason]>([
    ['subject_token_expired', 'actor_token_refused'],
    ['subject_token_signature', 'actor_token_refused'],
    ['kubernetes_unavailable', 'kubernetes_unavailable'],
  ])('says of an actor with %s: %s', async (reason, expected) => {
    const problem = await rejection(identify(forms.delegated(), reason).identifying)

    expect(problem.reason).toBe(expected)
    if (expected === 'actor_token_refused') expect(problem.detail).toBe(reason)
  })

  it('lets a bug through as what it is', async () => {
    const bug = new TypeError('x')

    await expect(identify(forms.delegated(), bug).identifying).rejects.toBe(bug)
  })

  it.each<[string, string, Rates]>([
    ['a pod', forms.exchange(), { pod: false }],
    ['the pods of a namespace', forms.exchange(), { namespace: false }],
    ['an actor that is not the controller', forms.delegated(), { pod: false }],
    [
      'a pod of the controller’s namespace',
      forms.exchange(),
      { pod: false, controller: { ...account, serviceAccount: 'x' } },
    ],
  ])('slows down %s', async (_what, form, rates) => {
    expect((await rejection(identify(form, workload, rates).identifying)).reason).toBe('rate_limited')
  })

  it('takes nothing from the namespace for a pod that is over its own rate', async () => {
    const { identifying, keys } = identify(forms.exchange(), workload, { pod: false })
    await rejection(identifying)

    expect(keys).toEqual(['main pod-uid'])
  })

  it('never slows down the controller', async () => {
    const rates = { pod: false, namespace: false, controller: account }

    expect((await identify(forms.delegated(), workload, rates).identifying).kind).toBe('customrun')
  })
})

describe('authenticateCaller', () => {
  it.each(['Bearer abc', 'bearer abc', 'BEARER abc'])('takes %j', async (authorization) => {
    const { verify, seen } = verifier()

    expect(await authenticateCaller(authorization, verify, signal)).toBe(workload)
    expect(seen).toEqual(['abc'])
  })

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Basic abc',
    'Bearer a b',
    'Bearer  abc',
    'abc',
    ` Bearer abc`,
    `Bearer ${'x'.repeat(16_385)}`,
  ])('refuses %j without looking at it', async (authorization) => {
    const { verify, seen } = verifier()

    expect((await rejection(authenticateCaller(authorization, verify, signal))).reason).toBe('caller_unauthenticated')
    expect(seen).toEqual([])
  })

  it.each<[ProblemReason, ProblemReason]>([
    ['subject_token_expired', 'caller_unauthenticated'],
    ['kubernetes_unavailable', 'kubernetes_unavailable'],
  ])('says of %s: %s', async (reason, expected) => {
    expect((await rejection(authenticateCaller('Bearer x', verifier(reason).verify, signal))).reason).toBe(expected)
  })

  it('lets a bug through as what it is', async () => {
    const bug = new TypeError('x')

    await expect(authenticateCaller('Bearer x', verifier(bug).verify, signal)).rejects.toBe(bug)
  })
})
