import { z } from 'zod'
import { audience, name, scope } from '../crd/fields.ts'
import { parseSecondsOrDuration } from '../duration.ts'
import type { CustomRun } from './custom-run.ts'
import type { Param } from './fields.ts'

const pipelineTaskName = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)

const stepReference = z
  .string()
  .max(320)
  .regex(/^[^/\s]+\/[^/\s]+$/)
  .transform((text) => ({ task: text.slice(0, text.indexOf('/')), step: text.slice(text.indexOf('/') + 1) }))

const scopeList = z
  .string()
  .transform((text) => text.split(' '))
  .pipe(distinct(scope, 64))

/** Policies of one TokenExchange, and so Secrets of one CustomRun. */
export const maxPolicies = 8

/** What each param takes; contract: The custom task. The keys are the list of what is known. */
const known = {
  policy: {
    schema: z.union([name.transform((one) => [one]), distinct(name, maxPolicies)]),
    expects: `the name of a TokenPolicy, or an array of at most ${maxPolicies} different names`,
  },
  audience: { schema: audience, expects: 'one audience, such as https://deploy.example.com' },
  scope: {
    schema: z.union([scopeList, distinct(scope, 64)]),
    expects: 'different scopes, as an array or separated by single spaces',
  },
  into: { schema: distinct(pipelineTaskName, 64), expects: 'an array of different pipeline task names' },
  steps: { schema: distinct(stepReference, 64), expects: 'an array of <task>/<step>' },
  as: {
    schema: z.enum(['git', 'docker', 'netrc', 'aws', 'gcp', 'azure', 'kubeconfig']),
    expects: 'git, docker, netrc, aws, gcp, azure or kubeconfig',
  },
  ttl: {
    schema: z.string().transform(parseSecondsOrDuration).pipe(z.int().positive()),
    expects: 'seconds (300) or a Go duration (5m)',
  },
  deliver: { schema: z.enum(['sidecar', 'secret', 'none']), expects: 'sidecar, secret or none' },
  'dry-run': { schema: z.enum(['true', 'false']), expects: '"true" or "false"' },
} as const

const schema = z.object({
  policy: known.policy.schema.optional(),
  audience: known.audience.schema.optional(),
  scope: known.scope.schema.optional(),
  into: known.into.schema.optional(),
  steps: known.steps.schema.optional(),
  as: known.as.schema.optional(),
  ttl: known.ttl.schema.optional(),
  deliver: known.deliver.schema.default('sidecar'),
  'dry-run': known['dry-run'].schema.default('false'),
})

type Given = z.output<typeof schema>

/** What a TokenExchange task asks for. */
export interface TokenExchangeParams {
  /** TokenPolicies of the run's namespace; empty when the task names audience and scope instead. */
  readonly policies: readonly string[]
  readonly audience: string | undefined
  readonly scopes: readonly string[] | undefined
  /** Pipeline tasks whose pods get the token; undefined means those that depend on this one. */
  readonly into: readonly string[] | undefined
  /** Undefined means every step. */
  readonly steps: readonly { readonly task: string; readonly step: string }[] | undefined
  readonly as: Given['as']
  readonly ttlSeconds: number | undefined
  /** `secret` puts the token into a Secret; `none` is a gate: it decides and delivers nothing. */
  readonly deliver: Given['deliver']
  /** Decides and explains, delivers nothing. */
  readonly isDryRun: boolean
}

export type ParsedParams =
  | { readonly ok: true; readonly value: TokenExchangeParams }
  | { readonly ok: false; readonly problems: readonly string[] }

/**
 * Reads the params of a TokenExchange CustomRun.
 *
 * Problems are collected, each a clause that says the mend; none repeats a value, since a value may be a credential
 * that somebody put in the wrong place.
 */
export function parseTokenExchangeParams({ spec }: CustomRun): ParsedParams {
  const shape = shapeProblems(spec)
  const wrong = paramProblems(spec.params)
  if (wrong.length > 0) {
    const names = Object.keys(known).join(', ')
    return { ok: false, problems: [...shape, ...wrong, `known params are ${names}`] }
  }

  const given = schema.parse(Object.fromEntries(spec.params.map((param) => [param.name, param.value])))
  const problems = [...shape, ...meaningProblems(given, spec.customRef?.name)]
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, value: meaning(given, spec.customRef?.name) }
}

function shapeProblems(spec: CustomRun['spec']): readonly string[] {
  const problems: string[] = []
  if (spec.customSpec !== undefined)
    problems.push('taskSpec is not supported: use taskRef, with the policy as its name')
  if (spec.customRef?.resolver !== undefined) problems.push('taskRef.resolver is not supported: leave it out')
  if (spec.workspaces.length > 0) problems.push('workspaces are not supported: remove them from the task')
  return problems
}

function paramProblems(params: readonly Param[]): readonly string[] {
  const seen = new Set<string>()
  return params.flatMap(({ name: paramName, value }) => {
    if (!isKnown(paramName)) return [`unknown param ${printable(paramName)}`]
    if (seen.has(paramName)) return [`param ${paramName} is given twice`]
    seen.add(paramName)
    if (looksLikeCredential(value)) {
      return [
        `param ${paramName} looks like a credential: params are stored in clear text, so withdraw it at its issuer`,
      ]
    }
    const { schema: expected, expects } = known[paramName]
    return expected.safeParse(value).success ? [] : [`param ${paramName} must be ${expects}`]
  })
}

function meaningProblems(given: Given, refName: string | undefined): readonly string[] {
  const problems: string[] = []
  if (given.policy !== undefined && refName !== undefined && given.policy.join() !== refName) {
    problems.push('param policy and taskRef.name say different policies: leave one of them out')
  }
  if (given.policy === undefined && refName === undefined) {
    if (given.audience === undefined || given.scope === undefined) {
      problems.push('no policy is named: set taskRef.name to a TokenPolicy, or give params audience and scope')
    }
  }
  if (given.deliver === 'secret' && (given.steps !== undefined || given.as !== undefined)) {
    problems.push('deliver: secret fills a Secret, which the tasks mount themselves: leave out steps and as')
  }
  if (given.deliver === 'none' && (given.into !== undefined || given.steps !== undefined)) {
    problems.push('deliver: none puts the token nowhere: leave out into and steps')
  }
  return problems
}

function meaning(given: Given, refName: string | undefined): TokenExchangeParams {
  return {
    policies: given.policy ?? (refName === undefined ? [] : [refName]),
    audience: given.audience,
    scopes: given.scope,
    into: given.into,
    steps: given.steps,
    as: given.as,
    ttlSeconds: given.ttl,
    deliver: given.deliver,
    isDryRun: given['dry-run'] === 'true',
  }
}

function isKnown(paramName: string): paramName is keyof typeof known {
  return Object.hasOwn(known, paramName)
}

function printable(text: string): string {
  return /^[A-Za-z0-9_.-]{1,64}$/.test(text) ? text : '(a name that is not printable)'
}

/** JWTs and the prefixes of the token issuers that mark theirs. */
function looksLikeCredential(value: Param['value']): boolean {
  const texts = typeof value === 'string' ? [value] : Object.values(value)
  return texts.some((text) => /^(?:eyJ[\w-]{8,}\.|gh[a-z]_|github_pat_|glpat-|xox[a-z]-|AKIA[A-Z0-9]{12})/.test(text))
}

function distinct<T extends z.ZodType>(item: T, max: number) {
  return z
    .array(item)
    .min(1)
    .max(max)
    .refine((all) => new Set(all.map((one) => JSON.stringify(one))).size === all.length)
}
