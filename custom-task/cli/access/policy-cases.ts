import { z } from 'zod'
import { nearestKey } from '../../../core/config-expectation.ts'
import { parseConfig } from '../../../core/config-file.ts'
import { scopeResourceName } from '../../../core/crd/token-scope.ts'
import { noRun, type Run } from '../../../core/identity/run.ts'
import type { Facts } from '../../../core/policy/allowance.ts'
import { askedScopes, candidatePolicies } from '../../../core/policy/candidates.ts'
import { evaluate, Refused, ruleNames } from '../../../core/policy/evaluate.ts'
import { Problem, problems } from '../../../core/problem.ts'
import { CommandFailure, exitCodes } from '../command.ts'
import type { PolicyObjects } from './policy-objects.ts'
import type { RbacObjects } from './rbac-objects.ts'

const source = z
  .strictObject({ uri: z.string(), digest: z.string(), entryPoint: z.string(), revision: z.string() })
  .partial({ digest: true, entryPoint: true, revision: true })
  .transform(({ uri, digest, entryPoint, revision }) => ({ uri, digest, entryPoint, revision }))

const event = z.strictObject({
  id: z.string().default('event-1'),
  sender: z.string().default('github'),
  kind: z.enum(['github', 'gitlab', 'hmac']).default('github'),
  eventListener: z.strictObject({ namespace: z.string(), name: z.string() }),
  trigger: z.strictObject({ namespace: z.string(), name: z.string() }).optional(),
  login: z.string().optional(),
  fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
})

const initiator = z.strictObject({
  username: z.string(),
  kind: z.enum(['person', 'serviceaccount', 'event']).default('person'),
  isProved: z.boolean().default(true),
})

const caseSchema = z.strictObject({
  name: z.string().min(1),
  namespace: z.string().min(1),
  namespaceLabels: z.record(z.string(), z.string()).default({}),
  serviceAccount: z.string().min(1),
  policy: z.string().optional(),
  audience: z.string().optional(),
  scope: z.array(z.string()).optional(),
  deliver: z.literal('secret').optional(),
  agent: z.boolean().default(false),
  run: z
    .strictObject({
      assurance: z.enum(['verified', 'claimed', 'none']).default('verified'),
      pipeline: z.string().optional(),
      task: z.string().optional(),
      source: source.optional(),
      taskSource: source.optional(),
      hasPodTemplate: z.boolean().default(false),
      initiator: initiator.optional(),
      event: event.optional(),
    })
    .prefault({}),
  expect: z.enum(['allow', 'deny', 'needs-approval']),
  by: z.string().optional(),
  reason: oneOf(Object.keys(problems)),
  rule: oneOf(ruleNames),
})

/** A word of a closed list: with a typing error it would be expected in vain. */
function oneOf(known: readonly string[]) {
  const error = ({ input }: { readonly input?: unknown }) => {
    const nearest = typeof input === 'string' ? nearestKey(input.slice(0, 64), known) : undefined
    return nearest === undefined
      ? `no such word; known are ${known.join(', ')}`
      : `no such word; did you mean ${nearest}?`
  }
  return z.enum(known, { error }).optional()
}

const file = z.strictObject({ cases: z.array(caseSchema).min(1).max(10_000) })

export type PolicyCase = z.output<typeof caseSchema>

/** More than a person mends at once. */
const maxIssues = 5

/** @throws CommandFailure that says where the file is wrong */
export function policyCases(document: unknown, path: string): readonly PolicyCase[] {
  const parsed = parseConfig(file, document)
  if (parsed.ok) return parsed.value.cases
  const wrong = parsed.issues.slice(0, maxIssues).map(({ key, expectation }) => `${key}: ${expectation}`)
  throw new CommandFailure(exitCodes.failed, `${path}: ${wrong.join('; ')}`)
}

/** What came of a case; `difference` says what was expected instead. */
export interface CaseResult {
  readonly name: string
  readonly said: string
  readonly difference: string | undefined
}

/** Decides as the broker does. Roles and bindings in the files say who; where there are none, everybody may. */
export function runCase(one: PolicyCase, access: PolicyObjects, rbac: RbacObjects): CaseResult {
  const facts = factsOf(one, access, rbac)
  const found = decision(facts)
  const wanted = { expect: one.expect, by: one.by, reason: one.reason, rule: one.rule }
  const differences = (['expect', 'by', 'reason', 'rule'] as const).filter(
    (key) => wanted[key] !== undefined && wanted[key] !== found[key],
  )
  // A name with a typing error is refused as well, and a case that expects that would hold nothing.
  const isVacuous = facts.candidates.length === 0 && one.reason !== 'policy_unknown'
  const difference = isVacuous
    ? `no policy of ${one.namespace} in the files is meant by ${one.policy ?? one.audience ?? 'this case'}: expect reason policy_unknown if that is so`
    : differences.map((key) => `${key} is ${found[key] ?? 'none'}, not ${wanted[key]}`).join('; ')
  const why = [found.by && `by ${found.by}`, found.rule && `rule ${found.rule}`, found.detail]
    .filter(Boolean)
    .join(', ')
  return {
    name: one.name,
    said: why === '' ? found.expect : `${found.expect} (${why})`,
    difference: difference === '' ? undefined : difference,
  }
}

interface Found {
  readonly expect: PolicyCase['expect']
  readonly by?: string
  readonly reason?: string
  readonly rule?: string | undefined
  readonly detail?: string | undefined
}

function decision(facts: Facts): Found {
  try {
    const { policy, approvals } = evaluate(facts)
    return { expect: approvals.length > 0 ? 'needs-approval' : 'allow', by: policy.name }
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause
    const rule = cause instanceof Refused ? cause.judgement.refusal?.rule : undefined
    return { expect: 'deny', reason: cause.reason, rule, detail: cause.detail }
  }
}

function factsOf(one: PolicyCase, access: PolicyObjects, rbac: RbacObjects): Facts {
  const { namespace, namespaceLabels, serviceAccount, deliver } = one
  const request = {
    policy: one.policy,
    audience: one.audience,
    scopes: one.scope,
    requestedExpirySeconds: undefined,
    ...(deliver && { deliver }),
  }
  const candidates = candidatePolicies(access.policies(namespace, namespaceLabels), request).map((policy) => {
    const scopes = askedScopes(policy, request)
    const provider = policy.spec.providerRef.name
    const answers = scopes.map((scope) => {
      const resourceName = scopeResourceName(provider, scope)
      const isAllowed = rbac.isEmpty || rbac.mayExchange(namespace, serviceAccount, resourceName)
      return { serviceAccount, scope, resourceName, isAllowed }
    })
    return { policy, provider: access.provider(provider), scopes, rbac: answers }
  })
  return {
    subject: { cluster: 'main', namespace, namespaceLabels, serviceAccounts: [serviceAccount] },
    run: runOf(one),
    agent: one.agent ? { namedBy: 'configuration' } : undefined,
    request,
    candidates,
  }
}

function runOf({ run, namespace }: PolicyCase): Run {
  const { event: given, initiator: by, pipeline, task, source: from, taskSource, ...rest } = run
  return {
    ...noRun,
    ...rest,
    pipeline,
    task,
    source: from,
    taskSource: taskSource ?? from,
    pipelineRun: { name: 'run', uid: '00000000-0000-4000-8000-000000000001' },
    taskRun: { name: 'run-task', uid: '00000000-0000-4000-8000-000000000002' },
    initiator: by && { ...by, uid: undefined },
    // Whom a case leaves out is somebody that admission stamped, and whom nobody calls an agent.
    maker: by?.username ?? '',
    event: given && {
      ...given,
      trigger: given.trigger ?? { namespace, name: 'trigger' },
      bodyDigest: '0'.repeat(64),
      receivedAt: new Date(0),
      login: given.login,
      person: undefined,
    },
  }
}
