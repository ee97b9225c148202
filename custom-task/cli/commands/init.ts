import { stringify } from 'yaml'
import { audience as audienceField, name as nameField, scope as scopeField } from '../../../core/crd/fields.ts'
import { apiGroupVersion } from '../../../core/crd/kind.ts'
import { scopeResourceName } from '../../../core/crd/token-scope.ts'
import { KubeError, type Resource, resources } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { KubeUnreachable } from '../../../core/io/kube/failure.ts'
import { grantName, roleAndBinding } from '../../../core/policy/missing-role.ts'
import { accessResources } from '../access/read-objects.ts'
import { apiServerSilent, clusterLogin } from '../cluster-login.ts'
import { type Command, CommandFailure, type CommandInput, exitCodes, text, UsageError } from '../command.ts'

export const init: Command = {
  name: 'init',
  summary: 'Print or apply what a ServiceAccount needs to get a token: policy, Role, RoleBinding, a run to try it.',
  operands: '-n NAMESPACE --serviceaccount NAME --audience AUDIENCE --scope SCOPES [--policy-name NAME] [--apply]',
  description:
    'Prints a TokenPolicy, a Role, a RoleBinding and a PipelineRun that uses the token, as YAML for kubectl create -f -.\n' +
    'With --apply the first three are applied with your kubeconfig (server-side, field manager tokenbroker-init), and the\n' +
    'PipelineRun is printed. The provider has to list audience and scopes. Exit codes: 3 you may not, 5 no API server.',
  examples: [
    'tokenbroker init -n payments --serviceaccount deployer --audience https://deploy.example.com --scope deploy:staging',
  ],
  options: {
    namespace: { type: 'string', short: 'n', help: 'NAMESPACE Where the pipeline runs.' },
    serviceaccount: { type: 'string', help: 'NAME Of the ServiceAccount that its tasks run as.' },
    audience: { type: 'string', help: 'AUDIENCE What the token is for.' },
    scope: { type: 'string', help: 'SCOPES Separated by spaces.' },
    'policy-name': { type: 'string', help: 'NAME Of the policy. Default: the first scope, with dashes.' },
    provider: { type: 'string', help: 'NAME Of the ClusterTokenProvider. Default: builtin.' },
    image: { type: 'string', help: 'IMAGE Of the step that is tried, with curl. Default: curlimages/curl.' },
    apply: { type: 'boolean', help: 'Apply policy, Role and RoleBinding.' },
    context: { type: 'string', help: 'NAME Of the kubeconfig. Default: its current one.' },
    kubeconfig: { type: 'string', help: 'FILE Default: KUBECONFIG, ~/.kube/config, or the ServiceAccount of the pod.' },
  },
  async run(input, { env, out, note, signal }) {
    if (input.positionals.length > 0) throw new UsageError('init takes no operands.')
    const wanted = wantedOf(input)
    if (input.options['apply'] !== true) {
      out(
        [...accessObjects(wanted).map((one) => stringify(one)), stringify(pipelineRun(wanted))].join('---\n').trimEnd(),
      )
      return exitCodes.ok
    }
    const login = { kubeconfig: text(input, 'kubeconfig'), context: text(input, 'context') }
    const kube = createKubeClient({ credentials: await clusterLogin(login, env) })
    try {
      for (const object of accessObjects(wanted)) {
        const { kind, metadata } = object
        const options = { type: 'apply', fieldManager: 'tokenbroker-init' } as const
        await kube.patch(resourceOf(kind), metadata, object, options, signal).catch((cause: unknown) => {
          throw explained(cause, object)
        })
        note(`${kind} ${metadata.namespace}/${metadata.name} applied`)
      }
    } finally {
      await kube.close()
    }
    out(stringify(pipelineRun(wanted)).trimEnd())
    return exitCodes.ok
  },
}

interface Wanted {
  readonly namespace: string
  readonly serviceAccount: string
  readonly audience: string
  readonly scopes: readonly string[]
  readonly policy: string
  readonly provider: string
  readonly image: string
}

function wantedOf(input: CommandInput): Wanted {
  const namespace = required(input, 'namespace', nameField)
  const serviceAccount = required(input, 'serviceaccount', nameField)
  const audience = required(input, 'audience', audienceField)
  if (text(input, 'scope') === undefined) throw new UsageError('Name the scopes with --scope.')
  const scopes = (text(input, 'scope') ?? '').split(' ')
  if (!scopes.every((one) => scopeField.safeParse(one).success) || new Set(scopes).size < scopes.length)
    throw new UsageError('--scope takes different scopes without *, separated by single spaces.')
  const fallback = (scopes[0] ?? '').toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  const policy = text(input, 'policy-name') ?? fallback.replaceAll(/^-+|-+$/g, '').slice(0, 63)
  if (!nameField.safeParse(policy).success) throw new UsageError('Name the policy with --policy-name.')
  const provider = text(input, 'provider') ?? 'builtin'
  if (!nameField.safeParse(provider).success)
    throw new UsageError('--provider takes the name of a ClusterTokenProvider.')
  return {
    namespace,
    serviceAccount,
    audience,
    scopes,
    policy,
    provider,
    image: text(input, 'image') ?? 'curlimages/curl',
  }
}

function required(input: CommandInput, option: string, field: typeof nameField): string {
  const parsed = field.safeParse(text(input, option))
  if (parsed.success) return parsed.data
  throw new UsageError(`--${option} is missing, or is no ${option === 'audience' ? 'audience' : 'name'}.`)
}

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace: string }
}

function accessObjects(wanted: Wanted): readonly Manifest[] {
  const { namespace, audience, scopes, policy, provider, serviceAccount } = wanted
  const names = scopes.map((one) => scopeResourceName(provider, one))
  const spec = { ...(provider !== 'builtin' && { providerRef: { name: provider } }), audience, scopes }
  const tokenPolicy = { apiVersion: apiGroupVersion, kind: 'TokenPolicy', metadata: { name: policy, namespace }, spec }
  const name = grantName(policy, names, [serviceAccount])
  return [tokenPolicy, ...roleAndBinding(name, namespace, names, [serviceAccount])]
}

function pipelineRun({ namespace, serviceAccount, policy, audience, image }: Wanted): object {
  const isUrl = /^https?:\/\//.test(audience)
  const script = `curl --silent --show-error --header "@$TOKENBROKER_HEADER_FILE" ${isUrl ? `'${audience}'` : '"$URL"'}`
  const step = { name: 'call', image, script, ...(!isUrl && { env: [{ name: 'URL', value: 'https://…' }] }) }
  const metadata = { annotations: { 'tokenbroker.dev/inject': policy } }
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { generateName: `${policy}-`, namespace },
    spec: {
      taskRunTemplate: { serviceAccountName: serviceAccount },
      pipelineSpec: { tasks: [{ name: 'call', taskSpec: { metadata, steps: [step] } }] },
    },
  }
}

function resourceOf(kind: string): Resource {
  if (kind === 'TokenPolicy') return resources.tokenPolicies
  return kind === 'Role' ? accessResources.roles.resource : accessResources.roleBindings.resource
}

function explained(cause: unknown, { kind, metadata: { name, namespace } }: Manifest): unknown {
  if (cause instanceof KubeUnreachable) return apiServerSilent(cause)
  if (!(cause instanceof KubeError)) return cause
  if (cause.status === 401 || cause.status === 403) {
    return new CommandFailure(exitCodes.denied, `You may not apply a ${kind} there, or not one with these rights.`, {
      cause,
    })
  }
  return new CommandFailure(exitCodes.failed, mendOf(cause.status, kind, name, namespace), { cause })
}

function mendOf(status: number, kind: string, name: string, namespace: string): string {
  if (status === 404)
    return `There is no namespace ${namespace}, or the product is not installed: kubectl create namespace ${namespace}; tokenbroker doctor.`
  if (status === 409)
    return `${kind} ${namespace}/${name} is there already, and somebody else wrote it otherwise: edit it, or take --policy-name.`
  return `The API server does not take the ${kind}. Without --apply it is printed: kubectl create --dry-run=server -f - says why.`
}
