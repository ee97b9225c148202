import { scopeResourceName } from '../../../core/crd/token-scope.ts'
import { noRun } from '../../../core/identity/run.ts'
import { serviceAccountUser } from '../../../core/identity/workload.ts'
import { type KubeClient, KubeError, resources } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { KubeUnreachable } from '../../../core/io/kube/failure.ts'
import { accessMarks } from '../../../core/policy/access-marks.ts'
import type { Facts, PolicyFacts, ScopeAccess } from '../../../core/policy/allowance.ts'
import { askedScopes, candidatePolicies } from '../../../core/policy/candidates.ts'
import { evaluate, type Judgement, judge } from '../../../core/policy/evaluate.ts'
import { isRoleOfUse, missingRole } from '../../../core/policy/missing-role.ts'
import { Problem } from '../../../core/problem.ts'
import { askBroker } from '../access/ask-broker.ts'
import { policyObjects } from '../access/policy-objects.ts'
import { accessResources, readObjects } from '../access/read-objects.ts'
import { judgementLines } from '../access/verdict-lines.ts'
import { apiServerSilent, clusterLogin } from '../cluster-login.ts'
import {
  type Command,
  type CommandContext,
  CommandFailure,
  type CommandInput,
  choice,
  exitCodes,
  text,
  UsageError,
} from '../command.ts'
import { printable } from '../printable.ts'

const formats = ['text', 'wide', 'json'] as const

type Format = (typeof formats)[number]

export const explain: Command = {
  name: 'explain',
  summary: 'Say what a request for a token would come to, rule by rule, with the mend. Grants nothing.',
  operands: '--serviceaccount NAME -n NAMESPACE | --url URL  [--policy NAME] [--audience AUDIENCE] [--scope SCOPES]',
  description:
    'With --serviceaccount it reads policies with your kubeconfig, asks the API server what RBAC says of the account (create\n' +
    'on subjectaccessreviews) and prints the rules that refuse, with -o wide all of them, and with -o json what the policies\n' +
    'expect, as you may read them anyway. What the run has to be it cannot see: say --assurance. With --url it asks the broker, as\n' +
    'the pod whose projected token --token-file is; the broker says verdicts and mends, and not what policies expect. Where a\n' +
    'right is what RBAC lacks next, the Role is printed, ready to apply.\n' +
    'Exit codes: 0 allowed, 3 denied, 4 a person has to approve, 5 not reachable.',
  examples: [
    'tokenbroker explain --serviceaccount deployer -n payments --policy deploy-staging',
    'tokenbroker explain --url https://tokenbroker.tokenbroker-system.svc:8443 --policy deploy-staging -o json',
  ],
  options: {
    serviceaccount: { type: 'string', help: 'NAME Whom to ask about; or NAMESPACE/NAME.' },
    namespace: { type: 'string', short: 'n', help: 'NAMESPACE Of the ServiceAccount.' },
    assurance: { type: 'string', help: 'WORD verified, claimed or none: what the run is taken for. Default: claimed.' },
    url: { type: 'string', help: 'URL Of the token listener of the broker, to ask as a pod.' },
    'token-file': { type: 'string', help: 'FILE Default: /var/run/secrets/tokenbroker/token.' },
    'ca-file': { type: 'string', help: 'FILE Authorities of the broker. Default: those of the system.' },
    policy: { type: 'string', help: 'NAME Of the policy.' },
    audience: { type: 'string', help: 'AUDIENCE Instead of a policy, or beside it.' },
    scope: { type: 'string', help: 'SCOPES Separated by spaces. Default: those of the policy.' },
    context: { type: 'string', help: 'NAME Of the kubeconfig. Default: its current one.' },
    kubeconfig: { type: 'string', help: 'FILE Default: KUBECONFIG, ~/.kube/config, or the ServiceAccount of the pod.' },
    output: { type: 'string', short: 'o', help: 'FORMAT json, wide (also the rules that allow), or text (default).' },
  },
  async run(input, context) {
    if (input.positionals.length > 0) throw new UsageError('explain takes no operands: name the policy with --policy.')
    const format = choice(input, 'output', formats) ?? 'text'
    const scope = text(input, 'scope')?.split(' ')
    const asked = { policy: text(input, 'policy'), audience: text(input, 'audience'), scope }
    if (asked.policy === undefined && (asked.audience === undefined || scope === undefined))
      throw new UsageError('Name the policy with --policy, or --audience and --scope.')
    const url = text(input, 'url')
    const account = text(input, 'serviceaccount')
    if ((url === undefined) === (account === undefined)) throw new UsageError('Name --serviceaccount, or --url.')
    if (url !== undefined) return await asWorkload(url, asked, input, format, context)
    return await asPerson({ ...asked, ...accountOf(input) }, input, format, context)
  },
}

/** @throws UsageError unless one namespace is named, in the name of the account or beside it */
function accountOf(input: CommandInput) {
  const [account = '', named, ...rest] = (text(input, 'serviceaccount') ?? '').split('/').reverse()
  const beside = text(input, 'namespace')
  const namespace = named ?? beside
  if (namespace === undefined) throw new UsageError('Name the namespace: --serviceaccount NAMESPACE/NAME, or -n.')
  if (rest.length > 0 || (beside !== undefined && beside !== namespace))
    throw new UsageError('--serviceaccount takes NAMESPACE/NAME, or NAME with -n.')
  return { namespace, account }
}

function noPolicy({ policy, audience, namespace }: Asked & { readonly namespace: string }): string {
  const what = policy === undefined ? `for ${audience}` : `named ${policy}`
  return printable(
    `No policy of ${namespace} is ${what}: kubectl get tokenpolicies,clustertokenpolicies -n ${namespace}`,
  )
}

interface Asked {
  readonly policy: string | undefined
  readonly audience: string | undefined
  readonly scope: readonly string[] | undefined
}

const codes = { allow: exitCodes.ok, deny: exitCodes.denied, 'needs-approval': exitCodes.pending } as const

async function asWorkload(url: string, asked: Asked, input: CommandInput, format: Format, context: CommandContext) {
  const tokenFile = text(input, 'token-file') ?? '/var/run/secrets/tokenbroker/token'
  const answer = await askBroker({ url, tokenFile, caFile: text(input, 'ca-file') }, asked, context)
  if (format === 'json') context.out(JSON.stringify(answer.body))
  else context.out(JSON.stringify(answer.body, undefined, 2))
  return codes[answer.decision]
}

async function asPerson(
  asked: Asked & { readonly namespace: string; readonly account: string },
  input: CommandInput,
  format: Format,
  { env, out, note, signal }: CommandContext,
): Promise<number> {
  const assurance = choice(input, 'assurance', ['verified', 'claimed', 'none']) ?? 'claimed'
  const login = { kubeconfig: text(input, 'kubeconfig'), context: text(input, 'context') }
  const kube = createKubeClient({ credentials: await clusterLogin(login, env) })
  try {
    const { facts, unseen } = await gather(asked, assurance, kube, signal)
    const judgements = judge(facts)
    const decision = decisionOf(facts)
    if (format === 'json') out(JSON.stringify({ decision, assurance, candidates: judgements.map(asJson), unseen }))
    else {
      for (const line of judgements.flatMap((one) => linesOf(one, asked.namespace, format === 'wide'))) out(line)
      if (judgements.length === 0) out(noPolicy(asked))
      out(`Decision: ${decision}, for a run that is ${assurance}`)
    }
    if (unseen.length > 0) note(`You may not list ${unseen.join(', ')}: what they say is missing here.`)
    return codes[decision]
  } catch (cause) {
    throw cause instanceof KubeUnreachable ? apiServerSilent(cause) : cause
  } finally {
    await kube.close()
  }
}

function decisionOf(facts: Facts): keyof typeof codes {
  try {
    return evaluate(facts).approvals.length > 0 ? 'needs-approval' : 'allow'
  } catch (cause) {
    if (cause instanceof Problem) return 'deny'
    throw cause
  }
}

function asJson({ candidate, verdicts }: Judgement): object {
  const { name, kind, spec } = candidate.policy
  return { policy: name, kind, expects: spec, rules: verdicts }
}

function linesOf(judgement: Judgement, namespace: string, isWide: boolean): readonly string[] {
  const { policy, rbac } = judgement.candidate
  const missing = rbac.filter((one) => !one.isAllowed)
  const role =
    !isRoleOfUse(judgement) || missing.length === 0 ? [] : [missingRole(policy.name, namespace, missing).trimEnd()]
  return [...judgementLines(judgement, isWide), ...role]
}

async function gather(
  { policy, audience, scope, namespace, account }: Asked & { readonly namespace: string; readonly account: string },
  assurance: 'verified' | 'claimed' | 'none',
  kube: KubeClient,
  signal: AbortSignal,
) {
  const { tokenPolicies, clusterTokenPolicies, clusterTokenProviders } = accessResources
  const wanted = [tokenPolicies, clusterTokenPolicies, clusterTokenProviders]
  const { objects, unseen } = await readObjects(kube, wanted, namespace, signal)
  const namespaceLabels = await labelsOf(namespace, kube, signal)
  const isSuspended = await askSuspended({ namespace, name: account }, kube, signal)
  const access = policyObjects(objects)
  const request = { policy, audience, scopes: scope, requestedExpirySeconds: undefined }
  const candidates = candidatePolicies(access.policies(namespace, namespaceLabels), request).map(
    async (one): Promise<PolicyFacts> => {
      const scopes = askedScopes(one, request)
      const provider = one.spec.providerRef.name
      const rbac = scopes.map((asked) => askRbac({ namespace, account, provider, scope: asked }, kube, signal))
      return { policy: one, provider: access.provider(provider), scopes, rbac: await Promise.all(rbac) }
    },
  )
  const suspendedAccounts = isSuspended ? [account] : []
  const subject = { cluster: '-', namespace, namespaceLabels, serviceAccounts: [account], suspendedAccounts }
  const facts = { subject, run: { ...noRun, assurance }, agent: undefined, request }
  const missing = isSuspended === undefined ? ['serviceaccounts'] : []
  return { facts: { ...facts, candidates: await Promise.all(candidates) }, unseen: [...unseen, ...missing] }
}

/** @returns undefined where the person may not look */
async function askSuspended(
  ref: { readonly namespace: string; readonly name: string },
  kube: KubeClient,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const found = await kube.get(resources.serviceAccounts, ref, signal).catch(forbidden)
  return found === 'forbidden' ? undefined : accessMarks(found?.metadata ?? {}).suspendedBy !== undefined
}

function forbidden(cause: unknown): 'forbidden' {
  if (cause instanceof KubeError && cause.status === 403) return 'forbidden'
  throw cause
}

async function labelsOf(name: string, kube: KubeClient, signal: AbortSignal) {
  const found = await kube.get(resources.namespaces, { name }, signal).catch(forbidden)
  return found === 'forbidden' ? undefined : found && (found.metadata.labels ?? {})
}

async function askRbac(
  { namespace, account, provider, scope }: { namespace: string; account: string; provider: string; scope: string },
  kube: KubeClient,
  signal: AbortSignal,
): Promise<ScopeAccess> {
  const name = scopeResourceName(provider, scope)
  const question = {
    user: serviceAccountUser(namespace, account),
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    namespace,
    verb: 'exchange',
    group: 'tokenbroker.dev',
    resource: 'tokenscopes',
    name,
  }
  try {
    const { isAllowed } = await kube.subjectAccessReview(question, signal)
    return { serviceAccount: account, scope, resourceName: name, isAllowed }
  } catch (cause) {
    if (!(cause instanceof KubeError && cause.status === 403)) throw cause
    const mend =
      'You may not ask what RBAC says of others: it takes create on subjectaccessreviews.authorization.k8s.io.'
    throw new CommandFailure(exitCodes.denied, mend, { cause })
  }
}
