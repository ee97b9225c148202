import type { Initiator, Source } from '../identity/run.ts'
import type { ProvidedInput } from './rule.ts'
import { ttlSeconds } from './ttl.ts'

/** Bounds of what expressions are given; the static cost of an expression rests on them. */
export const maxExpressionText = 512
export const maxListLength = 100
export const maxMapEntries = 64

/** What an expression sees. A member that is not known is absent: `has()` says so, and using it is an error. */
export type ExpressionVariables = Readonly<Record<string, unknown>>

/**
 * The variables of `validations` for one candidate policy.
 *
 * @returns undefined where something is bigger than expressions may be given; then none of them can be evaluated
 */
export function expressionVariables(input: ProvidedInput): ExpressionVariables | undefined {
  const { run, subject, request, policy } = input
  const { serviceAccounts } = subject
  const variables = {
    run: {
      assurance: run.assurance,
      ...known('pipeline', run.pipeline),
      ...known('pipelineRun', run.pipelineRun?.name),
      ...known('task', run.task),
      ...known('taskRun', run.taskRun?.name),
      hasPodTemplate: run.hasPodTemplate,
      ...known('initiator', run.initiator && describeInitiator(run.initiator)),
      ...known('source', run.source && describeSource(run.source)),
      ...known('taskSource', run.taskSource && describeSource(run.taskSource)),
    },
    event: Object.fromEntries(Object.entries(run.event?.fields ?? {}).map(([name, value]) => [name, celValue(value)])),
    request: {
      audience: policy.spec.audience,
      scopes: input.scopes,
      ttlSeconds: BigInt(ttlSeconds(input)),
      ...known('policy', request.policy),
    },
    workload: {
      namespace: subject.namespace,
      // Several tasks may run as several: an expression about one of them cannot speak for all.
      ...known('serviceAccount', serviceAccounts.length === 1 ? serviceAccounts[0] : undefined),
      serviceAccounts,
    },
    agent: input.agent !== undefined,
  }
  return isWithinBounds(variables) ? variables : undefined
}

function known(name: string, value: unknown): object {
  return value === undefined ? {} : { [name]: value }
}

function describeInitiator({ username, uid, kind, isProved }: Initiator): object {
  return { username, ...known('uid', uid), kind, isProved }
}

function describeSource({ uri, revision, entryPoint, digest }: Source): object {
  return { uri, ...known('revision', revision), ...known('entryPoint', entryPoint), ...known('digest', digest) }
}

/** Whole numbers are `int` in CEL, which JavaScript writes as bigint. */
function celValue(value: string | number | boolean): unknown {
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
}

function isWithinBounds(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= maxExpressionText
  if (Array.isArray(value)) return value.length <= maxListLength && value.every(isWithinBounds)
  if (typeof value !== 'object' || value === null) return true
  const entries = Object.entries(value)
  return entries.length <= maxMapEntries && entries.every(([, member]) => isWithinBounds(member))
}
