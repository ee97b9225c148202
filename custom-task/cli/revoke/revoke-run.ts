import { type KubeClient, KubeError, resources } from '../../../core/io/kube/api.ts'
import type { Delay } from '../../../core/io/system.ts'
import { revokedByAnnotation } from '../../../core/tekton/revocation.ts'
import { CommandFailure, exitCodes } from '../command.ts'
import { type FoundRun, findRun, type RunName } from './find-run.ts'

interface Deps {
  readonly kube: Pick<KubeClient, 'get' | 'list' | 'patch'>
  /** The person's user name. */
  readonly whoAmI: (signal: AbortSignal) => Promise<string>
  readonly delay: Delay
  /** How long to wait for the broker's word that it is done. */
  readonly timeoutMs: number
}

/** What became of it. `written`: admitted, but the person may not see the Event that says it is done. */
export type Revoked = 'done' | 'written' | 'unconfirmed' | 'ended-before' | 'revoked-before'

export interface Revocation {
  readonly run: FoundRun
  readonly outcome: Revoked
  /** Of the person, as the API server knows them. */
  readonly user: string
}

const pollMs = 250
/** PipelineRuns that one run may have made, all levels together. */
const maxChildren = 100

/**
 * Withdraws what a run, and the PipelineRuns that it made, were given: writes the person's name on each. The controller
 * tells the broker, and puts an Event on the run when that is done.
 *
 * @throws CommandFailure with the mend; KubeError, KubeUnreachable
 */
export async function revokeRun(name: RunName, deps: Deps, signal: AbortSignal): Promise<Revocation> {
  const { kube } = deps
  const run = await findRun(name, kube, signal)
  const user = await deps.whoAmI(signal)
  if (run.revokedBy !== undefined) return { run, user, outcome: 'revoked-before' }
  if (run.hasEnded) return { run, user, outcome: 'ended-before' }
  await mark(run, user, kube, signal)
  await markChildren(run, user, kube, signal)
  return { run, user, outcome: await confirm(run, deps, signal) }
}

async function mark({ kind, namespace, name, uid }: FoundRun, user: string, kube: Deps['kube'], signal: AbortSignal) {
  const resource = kind === 'PipelineRun' ? resources.pipelineRuns : resources.taskRuns
  // With the UID a run that took the name meanwhile is left alone.
  const body = { metadata: { uid, annotations: { [revokedByAnnotation]: user } } }
  try {
    await kube.patch(resource, { namespace, name }, body, { type: 'merge' }, signal)
  } catch (cause) {
    if (!(cause instanceof KubeError && (cause.status === 403 || cause.status === 422))) throw cause
    throw new CommandFailure(
      exitCodes.denied,
      `You (${user}) may not revoke runs in ${namespace}: it takes the verb revoke on tokenpolicies.tokenbroker.dev and ` +
        `the verb patch on ${resource.plural}.tekton.dev there; kubectl auth can-i revoke tokenpolicies.tokenbroker.dev -n ${namespace}`,
      { cause },
    )
  }
}

/** Children that are made later get the annotation from Tekton, as they get all of them. */
async function markChildren(run: FoundRun, user: string, kube: Deps['kube'], signal: AbortSignal): Promise<void> {
  const names = [...run.children]
  for (const name of names) {
    const child = await findRun({ namespace: run.namespace, name, kind: 'PipelineRun' }, kube, signal).catch(ignoreGone)
    if (child === undefined || child.hasEnded) continue
    await mark(child, user, kube, signal)
    // The loop goes on over what is added.
    if (names.length < maxChildren) names.push(...child.children.filter((one) => !names.includes(one)))
  }
}

function ignoreGone(cause: unknown): undefined {
  if (!(cause instanceof CommandFailure)) throw cause
}

async function confirm({ namespace, uid }: FoundRun, deps: Deps, signal: AbortSignal): Promise<Revoked> {
  const { kube, delay, timeoutMs } = deps
  const fieldSelector = `involvedObject.uid=${uid},reason=TokensRevoked`
  for (let waited = 0; waited <= timeoutMs; waited += pollMs) {
    const events = await kube.list(resources.events, { namespace, fieldSelector }, signal).catch((cause: unknown) => {
      if (cause instanceof KubeError && cause.status === 403) return undefined
      throw cause
    })
    if (events === undefined) return 'written'
    if (events.items.length > 0) return 'done'
    await delay(pollMs, signal)
  }
  return 'unconfirmed'
}
