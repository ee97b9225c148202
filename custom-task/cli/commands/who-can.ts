import { scopeResourceName } from '../../../core/crd/token-scope.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { KubeUnreachable } from '../../../core/io/kube/failure.ts'
import { candidatePolicies } from '../../../core/policy/candidates.ts'
import { matchesSomeScope } from '../../../core/policy/scope-pattern.ts'
import { policyObjects } from '../access/policy-objects.ts'
import { type Holder, rbacObjects } from '../access/rbac-objects.ts'
import { accessResources, readObjects } from '../access/read-objects.ts'
import { apiServerSilent, clusterLogin } from '../cluster-login.ts'
import { type Command, choice, exitCodes, text, UsageError } from '../command.ts'
import { createTable } from '../table.ts'

export const whoCan: Command = {
  name: 'who-can',
  summary: 'List who may get a token, by which policy and which binding.',
  operands: '--audience AUDIENCE --scope SCOPE (-n NAMESPACE | -A) [-o json]',
  description:
    'Reads policies, roles and bindings with your kubeconfig and lists the ServiceAccounts (and groups of them) that RBAC\n' +
    'lets exchange the scope where a policy is for it, as kubectl auth can-i answers for each. What the run has to be is not\n' +
    'looked at. What you may not list is said. ClusterTokenPolicies with a namespaceSelector count where you may read the\n' +
    'labels of the namespace. Exit codes: 0, also where nobody can; 5 no API server.',
  examples: ['tokenbroker who-can --audience https://deploy.example.com --scope deploy:staging -n payments'],
  options: {
    audience: { type: 'string', help: 'AUDIENCE What the token is for.' },
    scope: { type: 'string', help: 'SCOPE One scope.' },
    namespace: { type: 'string', short: 'n', help: 'NAMESPACE Where to look.' },
    'all-namespaces': { type: 'boolean', short: 'A', help: 'Look in all namespaces.' },
    context: { type: 'string', help: 'NAME Of the kubeconfig. Default: its current one.' },
    kubeconfig: { type: 'string', help: 'FILE Default: KUBECONFIG, ~/.kube/config, or the ServiceAccount of the pod.' },
    output: { type: 'string', short: 'o', help: 'FORMAT json, or table (default).' },
  },
  async run(input, { env, out, note, signal }) {
    const audience = text(input, 'audience')
    const scope = text(input, 'scope')
    const namespace = text(input, 'namespace')
    const isJson = choice(input, 'output', ['table', 'json']) === 'json'
    if (input.positionals.length > 0 || audience === undefined || scope === undefined)
      throw new UsageError('who-can takes --audience and --scope.')
    if ((namespace === undefined) === (input.options['all-namespaces'] !== true))
      throw new UsageError('Name the namespace with -n, or look in all of them with -A.')
    const login = { kubeconfig: text(input, 'kubeconfig'), context: text(input, 'context') }
    const kube = createKubeClient({ credentials: await clusterLogin(login, env) })
    try {
      const { objects, unseen } = await readObjects(kube, all, namespace, signal)
      const found = holders(objects, { audience, scope, namespace })
      if (isJson) out(JSON.stringify({ holders: found, unseen }))
      else {
        const table = createTable(out)
        table.add(['NAMESPACE', 'KIND', 'NAME', 'POLICY', 'MODE', 'THROUGH'])
        for (const one of found) table.add([one.namespace, one.kind, one.name, one.policy, one.mode, one.through])
        table.end()
      }
      if (unseen.length > 0) note(`You may not list ${unseen.join(', ')}: what they grant is missing here.`)
      return exitCodes.ok
    } catch (cause) {
      throw cause instanceof KubeUnreachable ? apiServerSilent(cause) : cause
    } finally {
      await kube.close()
    }
  },
}

const namespaces = {
  resource: { group: '', version: 'v1', plural: 'namespaces', isNamespaced: false },
  kind: 'Namespace',
}
const all = [...Object.values(accessResources), namespaces] as const

interface Found extends Holder {
  readonly namespace: string
  readonly policy: string
  readonly mode: string
}

interface Question {
  readonly audience: string
  readonly scope: string
  readonly namespace: string | undefined
}

interface Named {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> }
}

/** Pure: who holds the scope in each namespace in which some policy is for it. */
function holders(objects: readonly object[], { audience, scope, namespace }: Question): readonly Found[] {
  const named = objects as readonly Named[]
  const labels = new Map(
    named.flatMap((one) => (one.kind === 'Namespace' ? [[one.metadata.name, one.metadata.labels ?? {}]] : [])),
  )
  const places = new Set([...labels.keys(), ...named.flatMap(({ metadata }) => metadata.namespace ?? [])])
  const access = policyObjects(objects)
  const rbac = rbacObjects(objects)
  const request = { policy: undefined, audience, scopes: [scope], requestedExpirySeconds: undefined }
  return [...(namespace === undefined ? places : [namespace])].sort().flatMap((place) =>
    candidatePolicies(access.policies(place, labels.get(place)), request)
      .filter(({ spec }) => matchesSomeScope(spec.scopes, scope))
      .flatMap(({ name, spec }) =>
        rbac
          .holders(place, scopeResourceName(spec.providerRef.name, scope))
          .filter((holder) => isOfPlace(holder, place, spec.serviceAccounts))
          .map((holder) => ({
            ...holder,
            namespace: place,
            policy: name,
            mode: spec.suspend || access.provider(spec.providerRef.name)?.spec.suspend ? 'suspended' : spec.mode,
          })),
      ),
  )
}

function groupsOfAccounts(place: string): readonly string[] {
  return ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${place}`]
}

/** Only accounts of the namespace ask there: no person can, whatever RBAC lets that person do. */
function isOfPlace({ kind, name }: Holder, place: string, narrowed: readonly string[] | undefined): boolean {
  if (kind === 'User') return name.startsWith(`system:serviceaccount:${place}:`)
  if (kind === 'Group') return groupsOfAccounts(place).includes(name)
  const [own, account = ''] = name.split('/')
  return own === place && (narrowed === undefined || narrowed.includes(account))
}
