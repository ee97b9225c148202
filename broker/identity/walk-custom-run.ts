import { isMarkedAgent } from '../../core/identity/agent-mark.ts'
import { initiatorAnnotation, parseInitiator } from '../../core/identity/initiator.ts'
import type { CustomRunReference, Run } from '../../core/identity/run.ts'
import { type KubeClient, resources } from '../../core/io/kube/api.ts'
import type { ExchangeRequest } from '../../core/oauth/exchange-request.ts'
import { Problem } from '../../core/problem.ts'
import { type CustomRun, isCustomRunDone, isOurs, parseCustomRun } from '../../core/tekton/custom-run.ts'
import { controllerOf, succeeded } from '../../core/tekton/fields.ts'
import { resolveInto } from '../../core/tekton/into.ts'
import { sameSpec, unpinned } from '../../core/tekton/pinning.ts'
import {
  effectiveServiceAccount,
  hasPodTemplate,
  type PipelineRun,
  parsePipelineRun,
} from '../../core/tekton/pipeline-run.ts'
import { type PipelineTask, pipelineTaskNamed } from '../../core/tekton/pipeline-spec.ts'
import { pipelineSource } from '../../core/tekton/run-source.ts'
import { parseTokenExchangeParams, type TokenExchangeParams } from '../../core/tekton/token-exchange-params.ts'
import { pipelineRunFields } from './pipeline-run-fields.ts'
import { read } from './walk-pod.ts'
import { inOrder, proved, sourceEvidence, type Walked } from './walked.ts'

/** A CustomRun as it was found: its run, and the tasks that its token goes into. */
export interface CustomRunFacts {
  readonly run: Run
  readonly params: TokenExchangeParams
  readonly into: readonly { readonly task: string; readonly serviceAccount: string }[]
  /** The accounts that must be allowed: those of the tasks, or the CustomRun's own where it is a gate only. */
  readonly serviceAccounts: readonly string[]
  /** It succeeded already: nothing is decided for it any more, but the token in its Secret may be renewed. */
  readonly isDone: boolean
}

/** A CustomRun before its assurance is concluded; its `run` is that of the walk. */
export type WalkedCustomRun = CustomRunFacts & { readonly walked: Walked }

/**
 * Reads a CustomRun again, so that nothing rests on what the controller says of it: it must be that object, not
 * failed, and say the same as `PipelineRun.status.pipelineSpec`.
 *
 * @throws Problem `custom_run_not_found`, `custom_run_changed`, `custom_run_params` or `run_ended`
 */
export async function walkCustomRun(
  reference: CustomRunReference,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<WalkedCustomRun> {
  const { namespace } = reference
  const customRun = requireAlive(
    parseCustomRun(await read(kube, resources.customRuns, { namespace, name: reference.name }, signal)),
    reference,
  )
  const owner = controllerOf(customRun.metadata)
  if (owner?.apiVersion !== 'tekton.dev/v1' || owner.kind !== 'PipelineRun') {
    throw new Problem('custom_run_changed', {
      mend: 'A TokenExchange must be a task of a PipelineRun: this CustomRun has none',
    })
  }
  const pipelineRun = parsePipelineRun(
    await read(kube, resources.pipelineRuns, { namespace, name: owner.name }, signal),
  )
  if (pipelineRun === undefined || pipelineRun.metadata.uid !== owner.uid) {
    throw new Problem('custom_run_changed', { detail: 'the owner is not the PipelineRun of that name' })
  }
  const differences = sameSpec(customRun, pipelineRun)
  if (differences.length > 0) {
    throw new Problem('custom_run_changed', { detail: `differs from the pipeline in ${differences.join(' ')}` })
  }
  return facts(customRun, pipelineRun)
}

function requireAlive(customRun: CustomRun | undefined, reference: CustomRunReference): CustomRun {
  if (customRun === undefined || customRun.metadata.uid !== reference.uid || !isOurs(customRun)) {
    throw new Problem('custom_run_not_found', { detail: 'no TokenExchange of that name and uid' })
  }
  const hasFailed = isCustomRunDone(customRun) && !hasSucceeded(customRun)
  if (hasFailed || customRun.metadata.deletionTimestamp !== undefined || customRun.spec.status !== undefined) {
    throw new Problem('custom_run_not_found', { detail: 'the CustomRun failed, was cancelled or is being deleted' })
  }
  return customRun
}

function hasSucceeded({ status }: CustomRun): boolean {
  return succeeded(status.conditions)?.status === 'True'
}

function facts(customRun: CustomRun, pipelineRun: PipelineRun): WalkedCustomRun {
  const params = parseTokenExchangeParams(customRun)
  if (!params.ok) throw unusable(params.problems)
  const spec = pipelineRun.status.pipelineSpec
  const task = pipelineRun.status.childReferences.find(
    (child) => child.kind === 'CustomRun' && child.name === customRun.metadata.name,
  )?.pipelineTaskName
  if (spec === undefined || task === undefined) {
    throw new Problem('custom_run_changed', { detail: 'the PipelineRun does not list this CustomRun' })
  }
  const resolved = resolveInto(spec, task, params.value)
  if (!resolved.ok) throw unusable(resolved.problems)
  const into = resolved.tasks.map((name) => ({
    task: name,
    serviceAccount: effectiveServiceAccount(pipelineRun, name),
  }))
  const own = customRun.spec.serviceAccountName || 'default'
  const serviceAccounts = [...new Set(into.length === 0 ? [own] : into.map((one) => one.serviceAccount))].sort()
  if (params.value.deliver === 'secret') requireSecretForm(pipelineTaskNamed(spec, task), serviceAccounts)
  const walked = walkedOf(customRun, pipelineRun, { task, into: resolved.tasks })
  return {
    walked,
    run: walked.run,
    params: params.value,
    into,
    serviceAccounts,
    isDone: isCustomRunDone(customRun),
  }
}

function walkedOf(
  customRun: CustomRun,
  pipelineRun: PipelineRun,
  { task, into }: { readonly task: string; readonly into: readonly string[] },
): Walked {
  const { name, uid, creationTimestamp: createdAt } = customRun.metadata
  const { metadata, status } = pipelineRun
  return {
    run: {
      ...pipelineRunFields(pipelineRun),
      task,
      customRun: { name, uid },
      hasPodTemplate: hasPodTemplate(pipelineRun, into),
      isMarkedAgent: isMarkedAgent(customRun.metadata, metadata),
      evidence: [
        proved('custom-run'),
        proved('pipeline-run'),
        inOrder([{ kind: 'CustomRun', createdAt, startedAt: status.startTime }]),
        ...sourceEvidence(pipelineSource(pipelineRun), undefined),
      ],
    },
    objects: [
      { kind: 'CustomRun', createdAt },
      { kind: 'PipelineRun', createdAt: metadata.creationTimestamp },
    ],
    addresses: [],
    stamp: parseInitiator(metadata.annotations?.[initiatorAnnotation]),
  }
}

/**
 * A token that leaves the hands of its pod has to be said by the pipeline alone, which nobody can edit, and speaks for
 * one ServiceAccount.
 */
function requireSecretForm(task: PipelineTask | undefined, serviceAccounts: readonly string[]): void {
  const open = task === undefined ? [] : unpinned(task)
  if (open.length > 0) {
    throw unusable([`deliver: secret takes no results of other tasks in ${open.join(', ')}: write the values down`])
  }
  if (serviceAccounts.length > 1) {
    const names = serviceAccounts.join(', ')
    throw unusable([
      `the tasks that mount the Secret run as different ServiceAccounts (${names}) and a token speaks for one: ` +
        'give each a TokenExchange task of its own, or use deliver: sidecar',
    ])
  }
}

function unusable(problems: readonly string[]): Problem {
  const text = problems.join('; ')
  // Names in it come from the pipeline; the answer's character set is narrower than theirs.
  const printable = text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?').slice(0, 800)
  return new Problem('custom_run_params', { detail: text.slice(0, 800), mend: printable })
}

/**
 * The controller may only ask for what the CustomRun itself says: the same policy, audience, scope and ttl.
 *
 * @throws Problem `custom_run_changed`
 */
export function requireAskedByCustomRun(request: ExchangeRequest, { params }: CustomRunFacts): void {
  const isSamePolicy =
    params.policies.length === 0 ? request.policy === undefined : params.policies.includes(request.policy ?? '')
  const scopes = params.scopes === undefined ? undefined : [...params.scopes].sort().join(' ')
  const isSame =
    isSamePolicy &&
    request.audience === params.audience &&
    request.scopes?.join(' ') === scopes &&
    request.requestedExpirySeconds === params.ttlSeconds
  if (!isSame)
    throw new Problem('custom_run_changed', { detail: 'the request asks for something else than the CustomRun' })
}
