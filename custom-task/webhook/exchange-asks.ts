import { type CustomRun, isOurs } from '../../core/tekton/custom-run.ts'
import { controllerOf, succeeded } from '../../core/tekton/fields.ts'
import { resolveInto } from '../../core/tekton/into.ts'
import { sameSpec } from '../../core/tekton/pinning.ts'
import { type PipelineRun, pipelineTaskOfChild } from '../../core/tekton/pipeline-run.ts'
import { parseTokenExchangeParams, type TokenExchangeParams } from '../../core/tekton/token-exchange-params.ts'
import type { Complaint, MergedAsks, TokenAsk } from './token-ask.ts'

/**
 * What the TokenExchange tasks of a run put into the pods of one of its tasks. Only those that were authorised count: a
 * task that runs all the same (in `finally`, or behind `onError: continue`) runs without the token.
 */
export function exchangeAsks(pipelineRun: PipelineRun, taskName: string, customRuns: readonly CustomRun[]): MergedAsks {
  const found = customRuns
    .filter((one) => isOurs(one) && controllerOf(one.metadata)?.uid === pipelineRun.metadata.uid && isAuthorized(one))
    .map((one) => asksOf(one, pipelineRun, taskName))
  return { asks: found.flatMap((one) => one.asks), complaints: found.flatMap((one) => one.complaints) }
}

function isAuthorized({ status }: CustomRun): boolean {
  const condition = succeeded(status.conditions)
  return condition?.status === 'True' && condition.reason === 'Authorized'
}

function asksOf(customRun: CustomRun, pipelineRun: PipelineRun, taskName: string): MergedAsks {
  const { name } = customRun.metadata
  const exchange = pipelineTaskOfChild(pipelineRun, { kind: 'CustomRun', name })
  const spec = pipelineRun.status.pipelineSpec
  if (exchange === undefined || spec === undefined) return nothing
  // Params can be edited after the fact; the pipeline in the status cannot.
  const differences = sameSpec(customRun, pipelineRun)
  if (differences.length > 0) return complaint(`CustomRun ${name} is not what its PipelineRun says: run it again`)
  const params = parseTokenExchangeParams(customRun)
  if (!params.ok || params.value.isDryRun || params.value.deliver !== 'sidecar') return nothing
  const into = resolveInto(spec, exchange, params.value)
  if (!into.ok || !into.tasks.includes(taskName)) return nothing
  return {
    asks: policiesOf(customRun, params.value).map((policy) => askFor(policy, params.value, taskName)),
    complaints: [],
  }
}

const nothing: MergedAsks = { asks: [], complaints: [] }

function complaint(text: Complaint): MergedAsks {
  return { asks: [], complaints: [text] }
}

/** Named in the task, or found by the broker where the task names audience and scope. */
function policiesOf({ status }: CustomRun, { policies }: TokenExchangeParams): readonly string[] {
  if (policies.length > 0) return policies
  const result = status.results.find((one) => one.name === 'policy')?.value ?? ''
  return result.split(',').filter((policy) => policy !== '')
}

function askFor(policy: string, params: TokenExchangeParams, taskName: string): TokenAsk {
  const steps = params.steps?.filter((one) => one.task === taskName).map((one) => one.step) ?? []
  return {
    name: policy,
    policy,
    audience: params.audience,
    scopes: params.scopes,
    // A task that `steps` does not mention gets the token in every step.
    steps: steps.length === 0 ? undefined : steps,
    as: params.as === undefined ? [] : [params.as],
  }
}
