import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../core/clock.ts'
import { KubeError, resources } from '../../core/io/kube/api.ts'
import { kubeProblem } from '../../core/io/kube/refusal.ts'
import type { Allowance } from '../../core/policy/allowance.ts'
import { Problem } from '../../core/problem.ts'
import type { RateLimit } from '../../core/rate-limit.ts'
import type { ApprovalFate, GrantBook } from '../audit/grant-book.ts'
import type { AskedCluster } from './asked-cluster.ts'
import type { IntoTask } from './authorize-run.ts'
import { NotApproved, pollIntervalSeconds } from './pending.ts'
import { approvalName, approvalObject, type Question, questionOf } from './question.ts'
import type { SeenApproval } from './seen-approval.ts'
import { covers } from './settle.ts'
import { waitingFor } from './show-approval.ts'

interface Deps {
  readonly book: Pick<GrantBook, 'approval' | 'approvalsOfRun' | 'authorizationsOfRun' | 'isRunEnded'>
  readonly clusters: ReadonlyMap<string, AskedCluster>
  readonly isWithinPollRate: RateLimit
  readonly clock: Clock
}

export interface ApproveInput {
  readonly allowance: Allowance
  readonly into: readonly IntoTask[]
  /** Who asks, for the pace of its polls. */
  readonly poller: string
  /** A pod waits itself, where a TokenExchange task could wait without one. */
  readonly isPod: boolean
  /** Records that people are asked; resolves when that is durable. */
  readonly recordRequest: (question: Question) => Promise<unknown>
}

/** Resolves where nobody has to say yes, or those who have to did. @throws NotApproved; Problem */
export type Approve = (input: ApproveInput, signal: AbortSignal) => Promise<void>

/** Behind the sentence that says who has to approve. */
const podMend = '; put a TokenExchange task before this one, which waits without a pod'

/** No run needs more answers at once. */
const maxOpenOfRun = 64

/**
 * A gate asks what its pipeline says; a pod can ask for a lifetime or scopes that are new each time. People who say no, or
 * nothing, are not to be worn down until they say yes, so these count as well.
 */
const maxWithoutYesOfPods = 8

/**
 * Asks people once for each run authorisation. What they approved holds until the run ends, for the tasks that it goes
 * into and for no others.
 *
 * @see docs/guides/approvals.md
 */
export function createApprove({ book, clusters, isWithinPollRate, clock }: Deps): Approve {
  const asking = new Map<string, { readonly run: string; readonly done: Promise<void> }>()

  return async function approve({ allowance, into, poller, isPod, recordRequest }, signal) {
    if (allowance.approvals.length === 0) return
    if (isPod && into.length === 0 && allowance.run.pipelineRun !== undefined) throw noTask()
    const question = questionOf(allowance, into, clock())
    if (book.isRunEnded(question.run)) throw new Problem('run_ended', { detail: 'the end of the run was recorded' })
    if (isUnderApproved(question, allowance, into)) return
    const cluster = clusters.get(question.cluster)
    if (!cluster?.approvals.isSynced()) {
      throw new Problem('kubernetes_unavailable', { detail: 'approvals have not been listed yet' })
    }
    const fate = await answerTo(question, cluster, signal)
    if (fate !== undefined) return conclude(fate, question, cluster, { poller, isPod })
    await ask(question, cluster, { recordRequest, isPod }, signal)
    throw pending('approval_pending', question, new Date(question.spec.expiresAt), isPod)
  }

  /** A wider authorisation of this run that people approved, asked about with the same requirements. */
  function isUnderApproved({ run, spec }: Question, allowance: Allowance, into: readonly IntoTask[]): boolean {
    const { policy } = spec.request
    return book.authorizationsOfRun(run).some((one) => {
      if (!covers(one, allowance, into)) return false
      const fate = book.approval(approvalName(policy.name, one.digest, spec.requirements))
      return fate?.verdict === 'approved' && fate.digest === one.digest
    })
  }

  async function answerTo({ name, namespace, spec }: Question, { approvals }: AskedCluster, signal: AbortSignal) {
    const fate = book.approval(name)
    // A name is short enough for two questions that are made to have the same one; a digest is not.
    if (fate !== undefined && fate.digest !== spec.request.digest) throw nameTaken()
    return fate?.verdict === 'open' ? await approvals.settle(name, approvals.get({ namespace, name }), signal) : fate
  }

  async function ask(
    question: Question,
    cluster: AskedCluster,
    { recordRequest, isPod }: Pick<ApproveInput, 'recordRequest' | 'isPod'>,
    signal: AbortSignal,
  ): Promise<void> {
    // Equal callers share one question and one record.
    const known = asking.get(question.name)
    if (known !== undefined) return await known.done
    requireFewQuestions(question, isPod)
    const done = put(question, cluster, clock(), signal)
      .then(() => recordRequest(question))
      .then(() => cluster.approvals.touch(question))
      .finally(() => asking.delete(question.name))
    asking.set(question.name, { run: question.run, done })
    await done
  }

  /** @throws Problem `rate_limited` */
  function requireFewQuestions({ run }: Question, isPod: boolean): void {
    const asked = book.approvalsOfRun(run)
    const starting = [...asking].filter(([name, one]) => one.run === run && book.approval(name) === undefined).length
    const count = (isCounted: (fate: ApprovalFate) => boolean) => asked.filter(isCounted).length + starting
    if (isPod && count(({ verdict }) => verdict !== 'approved') >= maxWithoutYesOfPods) throw tooManyOfPods()
    if (count(({ verdict }) => verdict === 'open') < maxOpenOfRun) return
    throw new Problem('rate_limited', { detail: 'too many questions of one run' })
  }

  async function conclude(
    fate: ApprovalFate,
    question: Question,
    cluster: AskedCluster,
    { poller, isPod }: Pick<ApproveInput, 'poller' | 'isPod'>,
  ) {
    switch (fate.verdict) {
      case 'approved':
        return
      case 'rejected':
        throw pending('approval_rejected', question, fate.askedUntil)
      case 'expired':
        throw pending('approval_expired', question, fate.askedUntil)
      case 'closed':
        throw new Problem('run_ended', { detail: 'its question to people was closed' })
      case 'open':
        break
    }
    const seen = cluster.approvals.get(question)
    const isTooFast = !isWithinPollRate(`${poller} ${question.name}`)
    throw pending(isTooFast ? 'approval_slow_down' : 'approval_pending', seen ?? question, fate.askedUntil, isPod)
  }

  function pending(
    reason: ConstructorParameters<typeof NotApproved>[0],
    question: Pick<SeenApproval, 'name' | 'namespace' | 'spec'>,
    until: Date,
    isPod = false,
  ): NotApproved {
    const expiresInSeconds = Math.max(0, Math.floor((until.getTime() - clock().getTime()) / 1000))
    const asked = { approval: question.name, intervalSeconds: pollIntervalSeconds, expiresInSeconds }
    return new NotApproved(
      reason,
      asked,
      reason === 'approval_pending' ? printable(`${waitingFor(question)}${isPod ? podMend : ''}`) : undefined,
    )
  }
}

/**
 * Makes the object, or finds that it is there already and says the same: then its record was lost.
 *
 * @throws Problem `approval_unavailable` where nothing holds decisions against who makes them; `kubernetes_unavailable`
 *   for a moment after that changed: no decision about a question from then would count
 */
async function put(
  question: Question,
  { kube, heldSince, approvals }: AskedCluster,
  now: Date,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name } = question
  const since = await heldSince(namespace, signal)
  if (since === undefined) {
    throw new Problem('approval_unavailable', { detail: 'the admission policy of decisions is not in force' })
  }
  if (now < since) {
    throw new Problem('kubernetes_unavailable', {
      detail: 'the admission policy of decisions is settling',
      mend: 'What holds decisions against people changed just now, and nobody is asked for a moment: try again as Retry-After says',
    })
  }
  try {
    await kube.create(resources.tokenApprovals, approvalObject(question), signal)
  } catch (cause) {
    if (!(cause instanceof KubeError && cause.status === 409)) throw kubeProblem('TokenApproval', cause)
    const there = approvals.get({ namespace, name })
    if (there === undefined) {
      throw new Problem('kubernetes_unavailable', { detail: 'its TokenApproval has not been listed yet' })
    }
    if (isDeepStrictEqual(there.spec.request, question.spec.request)) return
    throw new Problem('approval_unavailable', {
      detail: `a TokenApproval ${name} is there that the broker did not make`,
    })
  }
}

/**
 * A pod of the run that is none of the pipeline's tasks: what people would be asked is a gate, which goes into no task, and
 * a gate that they approved says nothing about such a pod.
 */
function noTask(): Problem {
  return new Problem('approval_unavailable', {
    detail: 'the pod is none of the tasks of its pipeline',
    mend: 'This needs a person, and people are asked about tasks of a pipeline: what this pod runs is not what its PipelineRun says of any',
  })
}

function tooManyOfPods(): Problem {
  return new Problem('rate_limited', {
    detail: `${maxWithoutYesOfPods} questions of one run without a yes`,
    mend: `People were asked ${maxWithoutYesOfPods} questions of this run without a yes, and its pods may ask no more: ask for the same scopes and lifetime each time, or put a TokenExchange task before this one`,
  })
}

function nameTaken(): Problem {
  return new Problem('approval_unavailable', {
    detail: 'another question of that name was asked',
    mend: 'This needs a person, and another question has the name that this one would have: start a new run',
  })
}

/** What RFC 6749 §5.2 lets stand in a description. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?')
}
