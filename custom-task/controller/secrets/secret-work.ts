import type { Logger } from 'pino'
import type { Clock } from '../../../core/clock.ts'
import { type KubeClient, KubeError, type KubeObject, resources } from '../../../core/io/kube/api.ts'
import type { Granted, NotGranted } from '../../broker-client-answer.ts'
import type { Attempts } from '../attempts.ts'
import type { Broker, RunReference } from '../broker.ts'
import type { Metrics } from '../metrics.ts'
import type { OurRun } from '../our-run.ts'
import type { Write } from '../write.ts'
import type { HeldSecret } from './held-secret.ts'
import { madeSecret, withoutRenewal } from './made-secret.ts'
import { renewalPatch, secretObject } from './secret-object.ts'
import type { ToMake, ToRemove, ToRenew } from './secret-tasks.ts'

export interface SecretDeps {
  readonly kube: Pick<KubeClient, 'create' | 'patch' | 'delete'>
  readonly broker: Pick<Broker, 'exchange' | 'revoke'>
  readonly write: Pick<Write, 'secrets'>
  readonly attempts: Pick<Attempts, 'answered' | 'delivered'>
  /** A name that nobody can guess. */
  readonly newSecretName: () => string
  readonly metrics: Pick<Metrics, 'secret'>
  readonly clock: Clock
  readonly log: Logger
}

/** The broker gave no token for a renewal and no reason; it is asked again, later each time. */
export class RenewalUnanswered extends Error {
  override readonly name = 'RenewalUnanswered'
}

/** What is done about Secrets; each method takes the form of the CustomRun that was planned for, and returns the one after. */
export interface SecretWork {
  reserve(run: OurRun, policies: readonly (string | undefined)[], signal: AbortSignal): Promise<OurRun>
  make(run: OurRun, what: ToMake, signal: AbortSignal): Promise<OurRun>
  renew(run: OurRun, what: ToRenew, signal: AbortSignal): Promise<OurRun>
  remove(run: OurRun, what: ToRemove, signal: AbortSignal): Promise<OurRun>
}

/**
 * Secrets are made and never taken over: a name that is in use is given up, a renewal names the uid of the object that
 * we made. No Secret is ever read, so the controller needs no right to.
 */
export function createSecretWork(deps: SecretDeps): SecretWork {
  const { kube, broker, write, attempts, newSecretName, metrics, clock, log } = deps

  async function reserve(run: OurRun, policies: readonly (string | undefined)[], signal: AbortSignal): Promise<OurRun> {
    const reserved = policies.map((policy) => ({ name: newSecretName(), ...(policy === undefined ? {} : { policy }) }))
    return await write.secrets(run, reserved, signal)
  }

  async function withdraw(tokens: readonly Granted[], signal: AbortSignal): Promise<void> {
    await Promise.all(tokens.map(({ accessToken }) => broker.revoke(accessToken, signal)))
  }

  async function create(run: OurRun, held: HeldSecret, token: Granted, owner: RunReference, signal: AbortSignal) {
    const object = secretObject(held.name, token, run, owner)
    const { metadata } = await kube.create<KubeObject>(resources.secrets, object, signal)
    metrics.secret('made')
    log.info({ ...fieldsOf(run), secret: held.name, exchange_id: token.exchangeId }, 'secret made')
    return madeSecret(held, metadata.uid, token, clock())
  }

  async function discard(run: OurRun, { name, uid }: HeldSecret, signal: AbortSignal): Promise<void> {
    const { namespace } = run.customRun.metadata
    const fields = { ...fieldsOf(run), secret: name }
    try {
      await kube.delete(resources.secrets, { namespace, name, ...(uid === undefined ? {} : { uid }) }, signal)
      metrics.secret('deleted')
      log.info(fields, 'secret deleted')
    } catch (error) {
      // 409: another object has the name by now. 403: it is none of ours, or our rights were taken away.
      if (!(error instanceof KubeError) || (error.status !== 409 && error.status !== 403)) throw error
      metrics.secret('left')
      log.warn({ ...fields, status: error.status }, 'secret left alone: it is not ours, or may not be deleted')
    }
  }

  return Object.freeze({
    reserve,

    async make(run: OurRun, { reserved, requests, run: owner }: ToMake, signal: AbortSignal): Promise<OurRun> {
      const answers = await Promise.all(requests.map((request) => broker.exchange(request, signal)))
      const tokens = answers.filter((one): one is Granted => one.kind === 'granted')
      const refusals = answers.flatMap((one) => refusalOf(one) ?? [])
      if (refusals.length > 0) {
        await withdraw(tokens, signal)
        attempts.answered(run, refusals)
        return run
      }
      const pairs = reserved.flatMap((held, at) => {
        const token = tokens[at]
        return token === undefined ? [] : [{ held, token }]
      })
      const outcomes = await Promise.allSettled(pairs.map(({ held, token }) => create(run, held, token, owner, signal)))
      const failure = outcomes.find((one) => one.status === 'rejected')
      if (failure === undefined) {
        attempts.delivered(
          run,
          outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
        )
        return run
      }
      // All or none: a token that is in no Secret is given back.
      await withdraw(tokens, signal)
      await Promise.all(reserved.map((one) => discard(run, one, signal)))
      if (statusOf(failure.reason) === 403) {
        attempts.answered(run, [forbidden])
        return run
      }
      if (statusOf(failure.reason) !== 409) throw failure.reason
      // Left by a process that died between Secret and status, or put there by somebody else: never taken over.
      log.warn(fieldsOf(run), 'secret name in use: another one is taken')
      return await reserve(
        run,
        reserved.map(({ policy }) => policy),
        signal,
      )
    },

    async renew(run: OurRun, { secret, held, request }: ToRenew, signal: AbortSignal): Promise<OurRun> {
      const fields = { ...fieldsOf(run), secret: secret.name }
      const note = (after: HeldSecret | undefined) =>
        write.secrets(
          run,
          held.flatMap((one) => (one === secret ? (after ?? []) : one)),
          signal,
        )
      const answer = await broker.exchange(request, signal)
      if (answer.kind === 'unavailable') throw new RenewalUnanswered(answer.description)
      if (answer.kind !== 'granted') {
        log.warn({ ...fields, exchange_id: answer.exchangeId, description: answer.description }, 'secret not renewed')
        metrics.secret('not_renewed')
        return await note(withoutRenewal(secret))
      }
      const { namespace } = run.customRun.metadata
      try {
        const patch = renewalPatch(secret.uid, answer)
        await kube.patch(resources.secrets, { namespace, name: secret.name }, patch, { type: 'merge' }, signal)
      } catch (error) {
        await withdraw([answer], signal)
        // Deleted or made anew by somebody else (404, 409, 422), or not ours to write: it is left to them.
        if (!(error instanceof KubeError) || ![403, 404, 409, 422].includes(error.status)) throw error
        log.warn({ ...fields, status: error.status }, 'secret lost: somebody deleted or replaced it')
        metrics.secret('lost')
        return await note(undefined)
      }
      metrics.secret('renewed')
      log.info({ ...fields, exchange_id: answer.exchangeId }, 'secret renewed')
      return await note(madeSecret(secret, secret.uid, answer, clock()))
    },

    async remove(run: OurRun, { secrets, remaining }: ToRemove, signal: AbortSignal): Promise<OurRun> {
      await Promise.all(secrets.map((one) => discard(run, one, signal)))
      return await write.secrets(run, remaining, signal)
    },
  })
}

/** A Secret has the key `header`, so only what can stand in one goes into it. */
function refusalOf(answer: Granted | NotGranted): NotGranted | undefined {
  if (answer.kind !== 'granted') return answer
  if (answer.issued === 'bearer') return undefined
  const description = 'The policy gives credentials that no header can hold: use deliver: sidecar, with as: aws'
  return { kind: 'refused', error: 'invalid_target', description, status: 400, exchangeId: answer.exchangeId }
}

const forbidden: NotGranted = {
  kind: 'refused',
  error: 'unauthorized_client',
  description:
    'The API server lets the controller make no Secret in this namespace, for want of rights or quota: ask the platform team, or use deliver: sidecar',
  status: 403,
  exchangeId: undefined,
}

function statusOf(error: unknown): number | undefined {
  return error instanceof KubeError ? error.status : undefined
}

function fieldsOf({ customRun }: OurRun): Readonly<Record<string, string>> {
  const { namespace, name, uid } = customRun.metadata
  return { namespace, custom_run: name, custom_run_uid: uid }
}
