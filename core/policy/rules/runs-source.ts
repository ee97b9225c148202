import type { RunFields } from '../../crd/run-fields.ts'
import type { Run, Source } from '../../identity/run.ts'
import { normalSourceUri } from '../../tekton/source-uri.ts'
import type { Rule } from '../rule.ts'

type Wanted = NonNullable<RunFields['source']>[number]

export const runsSource = {
  name: 'runs-source',
  explain: 'Pipeline and task come from where the policy says.',
  check({ run, policy }) {
    const wanted = policy.spec.runs?.source
    if (wanted === undefined) return undefined
    const texts = textsOf(run)
    // One entry for both: a pipeline of one repository must not bring in a task of another.
    if (wanted.some((one) => texts.every(({ source }) => isFrom(source, one)))) return undefined
    const found = texts.map(({ what, source }) => `${what} from ${describe(source)}`).join(', ')
    return { reason: 'run_source_not_allowed', detail: `${found}: not a source that the policy names` }
  },
} satisfies Rule

/** The texts that decide what a run does: the Pipeline's and that of the task that asks. */
function textsOf(run: Run): readonly { readonly what: string; readonly source: Source | undefined }[] {
  const pipeline = { what: 'pipeline', source: run.source }
  const task = { what: 'task', source: run.taskSource }
  if (run.pipelineRun === undefined) return [task]
  // A CustomRun has no text but what the Pipeline says of it.
  return run.customRun === undefined ? [pipeline, task] : [pipeline]
}

function isFrom(source: Source | undefined, { uri, revisions, entryPoints }: Wanted): boolean {
  if (source === undefined || normalSourceUri(source.uri) !== normalSourceUri(uri)) return false
  return isOneOf(source.revision, revisions) && isOneOf(source.entryPoint, entryPoints)
}

function isOneOf(found: string | undefined, wanted: readonly string[] | undefined): boolean {
  return wanted === undefined || (found !== undefined && wanted.includes(found))
}

function describe(source: Source | undefined): string {
  if (source === undefined) return 'the cluster or the run itself'
  return [source.uri, source.revision ?? 'no revision', source.entryPoint ?? 'no entry point'].join(' ')
}
