import type { Delay } from '../../core/io/system.ts'
import type { Attempts } from './attempts.ts'
import type { Answer, AuthorizeRequest, Broker } from './broker.ts'
import type { OurRun } from './our-run.ts'
import type { StatusPatch } from './step.ts'
import type { Write } from './write.ts'

export interface AskDeps {
  readonly broker: Pick<Broker, 'authorize' | 'explain'>
  readonly write: Write
  readonly attempts: Attempts
  readonly delay: Delay
}

export interface Question {
  readonly requests: readonly AuthorizeRequest[]
  /** Written when the answer takes longer than {@link patienceMs}. */
  readonly announcement: StatusPatch | undefined
  readonly holds: boolean
}

/** An answer that comes sooner needs no announcement: one status write instead of two. */
const patienceMs = 500

/**
 * Asks the broker and, side by side, puts the finalizer on: neither waits for the other. The answers go into
 * `attempts`, also when a write failed, so that nothing is asked twice.
 */
export async function ask(run: OurRun, question: Question, deps: AskDeps, signal: AbortSignal): Promise<OurRun> {
  const answered = new AbortController()
  const [answers, written] = await Promise.allSettled([
    askAll(question.requests, deps.broker, signal).finally(() => answered.abort()),
    holdAndAnnounce(run, question, { ...deps, answered: answered.signal }, signal),
  ])
  if (answers.status === 'rejected') throw answers.reason
  deps.attempts.answered(run, answers.value)
  if (written.status === 'rejected') throw written.reason
  return written.value
}

async function askAll(
  requests: readonly AuthorizeRequest[],
  broker: AskDeps['broker'],
  signal: AbortSignal,
): Promise<readonly Answer[]> {
  return await Promise.all(
    requests.map((one) => (one.isDryRun ? broker.explain(one, signal) : broker.authorize(one, signal))),
  )
}

async function holdAndAnnounce(
  run: OurRun,
  { holds, announcement }: Question,
  { write, delay, answered }: Omit<AskDeps, 'broker'> & { readonly answered: AbortSignal },
  signal: AbortSignal,
): Promise<OurRun> {
  const held = holds ? await write.hold(run, signal) : run
  if (announcement === undefined || (await isEndedWithin(patienceMs, delay, answered))) return held
  return await write.status(held, announcement, signal)
}

async function isEndedWithin(ms: number, delay: Delay, ended: AbortSignal): Promise<boolean> {
  try {
    await delay(ms, ended)
    return false
  } catch (error) {
    if (ended.aborted) return true
    throw error
  }
}
