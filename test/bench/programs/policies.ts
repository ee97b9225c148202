import { decide } from '../../../broker/decide.ts'
import { createGather } from '../../../broker/gather.ts'
import { providerTraits } from '../../../broker/issue.ts'
import type { Requester } from '../../../broker/known.ts'
import { watchPolicies } from '../../../broker/policy/watch-policies.ts'
import { noRun } from '../../../core/identity/run.ts'
import type { Workload } from '../../../core/identity/workload.ts'
import { compileExpression } from '../../../core/io/cel/compile-expression.ts'
import type { KubeClient, KubeObject } from '../../../core/io/kube/api.ts'
import { createLog } from '../../../core/io/log.ts'
import { parseExchangeRequest } from '../../../core/oauth/exchange-request.ts'
import { maxValidationCost } from '../../../core/policy/compiled-validations.ts'

/**
 * What a decision costs by how many policies there are, and what an expression can cost, in one process without HTTP,
 * disk or API server. Writes one line of JSON: {@link PolicyFigures}.
 */

/** Microseconds of processor time of one call. */
export interface PolicyFigures {
  /** By policies in the cluster, ten in each namespace; the request names none. */
  readonly inCluster: Readonly<Record<string, number>>
  /** By policies in the namespace; the request names one, or none and all but one are for another audience or scope. */
  readonly inNamespace: Readonly<Record<string, { readonly named: number; readonly unnamed: number }>>
  /** By name: steps that the expression may cost, and what compiling and evaluating it take. */
  readonly expressions: Readonly<Record<string, ExpressionFigures>>
  readonly maxCost: number
}

export interface ExpressionFigures {
  /** undefined: it is refused. */
  readonly cost: number | undefined
  readonly compile: number
  readonly evaluate: number | undefined
}

const audience = 'https://deploy.example.com'
const api = { apiVersion: 'tokenbroker.dev/v1alpha1' }
const signal = new AbortController().signal
const clock = () => new Date()

async function microseconds(calls: number, call: () => unknown): Promise<number> {
  const series: number[] = []
  for (let repeat = 0; repeat <= 3; repeat += 1) {
    const before = process.cpuUsage()
    for (let at = 0; at < calls; at += 1) {
      const result = call()
      if (result instanceof Promise) await result
    }
    const { user, system } = process.cpuUsage(before)
    // The first series warms the compiler; of the rest the best, since the others measure the neighbours.
    if (repeat > 0) series.push((user + system) / calls)
  }
  return Math.min(...series)
}

function policy(at: number, namespace: string): KubeObject {
  const metadata = { name: `deploy-${at}`, namespace, uid: `${namespace}-${at}`, resourceVersion: '1' }
  const spec = {
    audience: at % 2 === 0 ? audience : 'https://other.example.com',
    scopes: at === 0 ? ['deploy:staging'] : ['image:push', 'image:pull'],
    validations: [{ name: 'namespace', expression: 'workload.namespace == "payments"', message: 'only payments' }],
  }
  return { ...api, kind: 'TokenPolicy', metadata, spec } as KubeObject
}

/** A cluster of policies, as a list of its API server shows it; nothing of it changes. */
async function startDecisions(all: readonly KubeObject[], form: Readonly<Record<string, string>>) {
  const objects: Readonly<Record<string, readonly unknown[]>> = {
    tokenpolicies: all,
    clustertokenproviders: [
      {
        ...api,
        kind: 'ClusterTokenProvider',
        metadata: { name: 'builtin', uid: 'p', resourceVersion: '1' },
        spec: {
          builtin: {},
          audiences: [audience, 'https://other.example.com'],
          scopes: ['deploy:staging', 'image:push', 'image:pull'],
        },
      },
    ],
    namespaces: [{ kind: 'Namespace', metadata: { name: 'payments', uid: 'n', resourceVersion: '1', labels: {} } }],
  }
  const kube = {
    list: async ({ plural }: { readonly plural: string }) => ({ resourceVersion: '1', items: objects[plural] ?? [] }),
    async *watch(..._args: readonly unknown[]) {
      await new Promise(() => undefined)
      yield* []
    },
    // Conditions are written once, and are not what is measured.
    patch: async () => ({}),
  } as unknown as KubeClient
  const policies = watchPolicies({
    kube,
    clock,
    lifetimeOf: (spec) => providerTraits(spec).lifetime,
    log: createLog({ name: 'bench', level: 'silent' }),
  })
  policies.start()
  while (!policies.isSynced()) await new Promise((resolve) => setTimeout(resolve, 5))
  const workload = {
    cluster: 'bench',
    namespace: 'payments',
    serviceAccount: { name: 'deployer', uid: 'sa' },
  } as unknown as Workload
  const requester: Requester = { kind: 'pod', workload }
  const run = { ...noRun, assurance: 'claimed' as const, task: 'deploy', taskRun: { name: 'r', uid: 'u' } }
  const cluster = {
    policies,
    askScopeAccess: async ({ serviceAccount, scope }: { readonly serviceAccount: string; readonly scope: string }) => ({
      serviceAccount,
      scope,
      resourceName: `builtin:${scope}`,
      isAllowed: true,
    }),
    walkPod: async () => run,
  }
  const gather = createGather(new Map([['bench', cluster]]) as unknown as Parameters<typeof createGather>[0], undefined)
  const request = parseExchangeRequest(
    new Map(
      Object.entries({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: 'a.b.c',
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        ...form,
      }),
    ) as unknown as Parameters<typeof parseExchangeRequest>[0],
  )
  return async () => decide(await gather(request, requester, undefined, signal), requester)
}

async function decisionCost(all: readonly KubeObject[], form: Readonly<Record<string, string>>): Promise<number> {
  const once = await startDecisions(all, form)
  const { policy: chosen } = await once()
  if (chosen.name !== 'deploy-0') throw new Error(`decided by ${chosen.name}`)
  return await microseconds(5000, once)
}

const unnamed = { audience, scope: 'deploy:staging' }
const named = { policy: 'deploy-0' }

const inCluster: Record<string, number> = {}
for (const count of [10, 100, 1000, 10_000]) {
  const all = Array.from({ length: count }, (_, at) =>
    policy(at % 10, at < 10 ? 'payments' : `team-${Math.floor(at / 10)}`),
  )
  inCluster[count] = await decisionCost(all, unnamed)
}
const inNamespace: Record<string, { named: number; unnamed: number }> = {}
for (const count of [1, 10, 100]) {
  const all = Array.from({ length: count }, (_, at) => policy(at, 'payments'))
  inNamespace[count] = { named: await decisionCost(all, named), unnamed: await decisionCost(all, unnamed) }
}

/** As big as anything that expressions are given. */
const biggest = {
  run: { assurance: 'verified', hasPodTemplate: false, source: { uri: 'x'.repeat(512) } },
  event: Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`field${at}`, 'x'.repeat(512)])),
  request: { audience, scopes: Array.from({ length: 100 }, (_, at) => `${'x'.repeat(500)}${at}`), ttlSeconds: 300n },
  workload: { namespace: 'payments', serviceAccounts: Array.from({ length: 100 }, (_, at) => `account-${at}`) },
  agent: false,
}

const texts = {
  'typical: one comparison': 'run.source.uri == "git+https://git.example.com/pipelines.git"',
  'typical: all scopes': 'request.scopes.all(s, s.startsWith("deploy:") || s.startsWith("image:"))',
  'hostile, within the budget: searches': 'request.scopes.exists(s, s.contains("xy"))',
  'hostile, within the budget: lengths': 'request.scopes.map(s, s.size()).size() == 100',
  'hostile, within the budget: copies': 'workload.serviceAccounts.exists(s, s.upperAscii() == "Z")',
  'hostile, too expensive: lists in lists': 'request.scopes.all(s, s in request.scopes)',
  'hostile, refused: comprehension in another': 'request.scopes.all(s, request.scopes.all(t, t == s))',
  'hostile, too expensive: concatenations': `request.scopes.map(s, ${Array(100).fill('s').join(' + ')}).size() == 0`,
  'hostile, refused: parentheses': `${'('.repeat(1000)}true${')'.repeat(1000)}`,
  'hostile, refused: negations': `${'!'.repeat(2040)}true`,
  'hostile, refused: regular expression': 'run.source.uri.matches("(x+x+)+y")',
}

const expressions: Record<string, ExpressionFigures> = {}
for (const [name, text] of Object.entries(texts)) {
  const expression = compileExpression(text)
  expressions[name] = {
    cost: expression.ok ? expression.cost : undefined,
    compile: await microseconds(500, () => compileExpression(text)),
    evaluate:
      expression.ok && expression.cost <= maxValidationCost
        ? await microseconds(500, () => expression.test(biggest))
        : undefined,
  }
}

const figures: PolicyFigures = { inCluster, inNamespace, expressions, maxCost: maxValidationCost }
console.log(JSON.stringify(figures))
// The watches never end.
process.exit(0)
