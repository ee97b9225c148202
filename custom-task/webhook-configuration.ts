/** Where the API server finds the webhook. */
export type ClientConfig =
  | { readonly service: { readonly namespace: string; readonly name: string; readonly port: number } }
  /** For tests, where the webhook runs outside the cluster; without a path. */
  | { readonly url: string }

export interface ConfigurationOptions {
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly client: ClientConfig
  /** Base64 of PEM authorities; left out where somebody else writes it. */
  readonly caBundle?: string
  /** Namespaces whose pods and runs are never looked at; pods neither where a namespace says so itself. */
  readonly excludedNamespaces?: readonly string[]
}

/** Label of a namespace: `required` fails closed, `disabled` is left alone, everything else fails open. */
const injectionLabel = 'tokenbroker.dev/injection'

/** The API server's patience; ours ends before. */
const timeoutSeconds = 2
/** A stamp takes a fraction of a millisecond; nobody who makes a run is to wait for a webhook that is away. */
const stampTimeoutSeconds = 1

const exists = 'Exists'
const notIn = 'NotIn'

/**
 * The MutatingWebhookConfiguration. Two webhooks with the same address and other namespaces: where pods must not start
 * without what they ask for while the webhook is away (`failurePolicy: Fail`), and where they may (`Ignore`). A third
 * writes into runs who made them; without it the initiator is unknown, for which the stricter rules hold. A fourth writes
 * into policies and providers who suspended them.
 */
export function webhookConfiguration(options: ConfigurationOptions) {
  const { name, labels, excludedNamespaces = ['kube-system', 'kube-node-lease', 'kube-public'] } = options
  // An empty list of values is no valid expression.
  const excluded =
    excludedNamespaces.length === 0
      ? []
      : [{ key: 'kubernetes.io/metadata.name', operator: notIn, values: excludedNamespaces }]
  const required = { key: injectionLabel, operator: 'In', values: ['required'] }
  const open = { key: injectionLabel, operator: notIn, values: ['required', 'disabled'] }
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name, ...(labels === undefined ? {} : { labels }) },
    webhooks: [
      webhook('inject.tokenbroker.dev', 'Ignore', [open, ...excluded], options),
      webhook('inject-required.tokenbroker.dev', 'Fail', [required, ...excluded], options),
      initiatorWebhook(excluded, options),
      suspensionWebhook(options),
    ],
  }
}

/** The API server keeps no empty list, and what is applied would then conflict with what it kept. */
function selector(matchExpressions: readonly object[]): { readonly matchExpressions?: readonly object[] } {
  return matchExpressions.length === 0 ? {} : { matchExpressions }
}

function webhook(
  name: string,
  failurePolicy: 'Ignore' | 'Fail',
  matchExpressions: readonly object[],
  options: ConfigurationOptions,
) {
  return {
    name,
    admissionReviewVersions: ['v1'],
    clientConfig: clientConfig('/mutate', options),
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' }],
    namespaceSelector: selector(matchExpressions),
    objectSelector: { matchExpressions: [{ key: 'tekton.dev/taskRun', operator: exists }] },
    matchConditions,
    matchPolicy: 'Equivalent',
    reinvocationPolicy: 'IfNeeded',
    failurePolicy,
    sideEffects: 'None',
    timeoutSeconds,
  }
}

function initiatorWebhook(matchExpressions: readonly object[], options: ConfigurationOptions) {
  return {
    name: 'initiator.tokenbroker.dev',
    admissionReviewVersions: ['v1'],
    clientConfig: clientConfig('/stamp', options),
    rules: [
      {
        apiGroups: ['tekton.dev'],
        apiVersions: ['v1', 'v1beta1'],
        operations: ['CREATE'],
        resources: ['pipelineruns', 'taskruns', 'customruns'],
        scope: 'Namespaced',
      },
    ],
    namespaceSelector: selector(matchExpressions),
    objectSelector: {},
    matchConditions: [madeByAnybodyButTekton],
    matchPolicy: 'Equivalent',
    reinvocationPolicy: 'IfNeeded',
    failurePolicy: 'Ignore',
    sideEffects: 'None',
    timeoutSeconds: stampTimeoutSeconds,
  }
}

function suspensionWebhook(options: ConfigurationOptions) {
  return {
    name: 'suspension.tokenbroker.dev',
    admissionReviewVersions: ['v1'],
    clientConfig: clientConfig('/stamp-suspension', options),
    rules: [
      {
        apiGroups: ['tokenbroker.dev'],
        apiVersions: ['*'],
        operations: ['CREATE', 'UPDATE'],
        resources: ['tokenpolicies', 'clustertokenpolicies', 'clustertokenproviders'],
        scope: '*',
      },
    ],
    namespaceSelector: selector([]),
    objectSelector: {},
    matchConditions: [changesSuspend],
    matchPolicy: 'Equivalent',
    reinvocationPolicy: 'IfNeeded',
    // Stopping everything must not wait for a webhook that is away: it is then recorded without a name.
    failurePolicy: 'Ignore',
    sideEffects: 'None',
    timeoutSeconds: stampTimeoutSeconds,
  }
}

function clientConfig(path: '/mutate' | '/stamp' | '/stamp-suspension', { client, caBundle }: ConfigurationOptions) {
  const place = 'url' in client ? { url: `${client.url}${path}` } : { service: { ...client.service, path } }
  return { ...place, ...(caBundle === undefined ? {} : { caBundle }) }
}

/**
 * The children of a run carry a copy of its stamp, which Tekton made, known by its right to write the status of runs. No
 * time is spent on them, and what stands on a child is not read.
 */
const madeByAnybodyButTekton = {
  name: 'made-by-anybody-but-tekton',
  expression:
    "!has(object.metadata.ownerReferences) || !object.metadata.ownerReferences.exists(owner, owner.kind == 'PipelineRun' && owner.apiVersion.startsWith('tekton.dev/') && has(owner.controller) && owner.controller) || !authorizer.group('tekton.dev').resource('pipelineruns').subresource('status').namespace(object.metadata.namespace).check('update').allowed()",
}

/** Every other write to policies and providers goes on without us. */
const changesSuspend = {
  name: 'changes-suspend',
  expression:
    '(has(object.spec.suspend) && object.spec.suspend) != (oldObject != null && has(oldObject.spec.suspend) && oldObject.spec.suspend)',
}

/** CEL on the pod: most pods of a cluster never reach us. */
const matchConditions = [
  {
    name: 'made-by-tekton',
    expression:
      "has(object.metadata.ownerReferences) && object.metadata.ownerReferences.exists(owner, owner.kind == 'TaskRun' && owner.apiVersion == 'tekton.dev/v1')",
  },
  {
    name: 'may-ask',
    // In a pipeline a TokenExchange task may ask for the pod, which only the PipelineRun knows.
    expression:
      "'tekton.dev/pipelineRun' in object.metadata.labels || (has(object.metadata.annotations) && 'tokenbroker.dev/inject' in object.metadata.annotations)",
  },
]
