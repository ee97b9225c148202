import { z } from 'zod'
import { name } from '../core/crd/fields.ts'
import { agentsConfig } from './agents.ts'
import { clusterIssuer } from './identity/cluster-issuer.ts'
import { interceptorConfig } from './interceptor/config.ts'

const port = z.int().min(0).max(65_535)
const path = z.string().min(1).max(4096)
/** What is kept must not move with the directory that a process happens to be started in. */
const directory = path.refine((text) => text.startsWith('/'), 'expected an absolute path, such as /var/lib/tokenbroker')

const isDistinct = (texts: readonly string[]) => new Set(texts).size === texts.length
const isLoopback = (address: string) => address === '127.0.0.1' || address === '::1'

const listener = z.strictObject({
  address: z.union([z.ipv4(), z.ipv6()], 'expected an IPv4 or IPv6 address').describe('Address to listen on.'),
  port: port.describe('Port; 0 takes a free one.'),
  tls: z
    .strictObject({
      certFile: path.describe('PEM certificate chain; followed when it changes.'),
      keyFile: path.describe('PEM private key; followed when it changes.'),
    })
    .optional()
    .describe('Certificate; may only be left out on loopback, or on a listener that says so.'),
})

const tlsListener = listener.refine(({ address, tls }) => tls !== undefined || isLoopback(address), {
  message: 'tls is required on any address but loopback: tokens would travel in clear text',
  path: ['tls'],
})

/** A URL that can be an issuer. @see RFC 8414 §2: no query, no fragment; and here no trailing slash */
const issuer = z
  .string()
  .max(512)
  .regex(/^https?:\/\/[^\s?#]+[^\s?#/]$/, 'expected a URL without query, fragment and trailing slash')

/** `<namespace>/<name>` of a ServiceAccount. */
const account = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/,
    'expected <namespace>/<name> of a ServiceAccount, such as tekton-pipelines/tekton-pipelines-controller',
  )

const admission = z.strictObject({
  release: name.describe('Name that the names of the policies begin with.'),
  namespace: name.describe('Namespace where the broker tries by dry run whether they refuse.'),
  tektonControllers: z
    .array(account)
    .min(1)
    .max(16)
    .describe('ServiceAccounts that make TaskRuns, CustomRuns and pods of runs, as the policies list them.'),
  eventListeners: z
    .array(account)
    .max(256)
    .describe('ServiceAccounts of EventListeners and Triggers, as the policies list them.'),
  broker: account.describe('ServiceAccount of the broker, as the policies name it.'),
  controller: account.describe('ServiceAccount of the controller, as the policies name it.'),
})

const cluster = z.strictObject({
  name: name.describe('Name of the cluster in records; an issuer URL alone does not identify a cluster.'),
  issuer: clusterIssuer
    .optional()
    .describe(
      'Issuer (--service-account-issuer) of its ServiceAccount tokens. Default: the one that its API server publishes.',
    ),
  kubeconfig: path.optional().describe('Kubeconfig file. Default: the ServiceAccount that the broker runs as.'),
  context: z.string().max(253).optional().describe('Context of the kubeconfig. Default: its current one.'),
  maxTokenLifetimeSeconds: z
    .int()
    .min(600)
    .max(86_400)
    .optional()
    .describe('Longest life of a subject token. Default: 3600, and 600 where revocationCheck is none.'),
  revocationCheck: z
    .enum(['token-review', 'none'])
    .default('token-review')
    .describe('none: the API server is not asked whether the pod still exists; records say so.'),
  peerAddress: z
    .enum(['record', 'enforce'])
    .default('record')
    .describe(
      'enforce: requests of pods have to come from an address of the pod, which no proxy or mesh may change. record: the audit stream says whether they do, and a run of which one does not is not verified.',
    ),
  approvalPolicy: name
    .default('tokenbroker-approvals')
    .describe(
      'ValidatingAdmissionPolicy, and binding of the same name, that holds decisions about approvals against who makes them. Nobody is asked where it is not in force.',
    ),
  admission: admission
    .optional()
    .describe('Admission policies that the chart installed in it. Without them no run is verified.'),
})

const caller = z.strictObject({
  cluster: name
    .optional()
    .describe('Cluster of the caller, by its name in clusters; required where there are several.'),
  namespace: name.describe('Namespace of the caller.'),
  serviceAccount: name.describe('ServiceAccount of the caller.'),
  audiences: z.array(z.string().min(1).max(512)).min(1).max(64).describe('Audiences it may ask about.'),
})

/** A namespace and an account of one name may exist in every cluster, and belong to somebody else in each. */
const saysCluster = ({ clusters, introspection }: { clusters: readonly { name: string }[]; introspection: Callers }) =>
  introspection.callers.every(({ cluster: named }) =>
    named === undefined ? clusters.length === 1 : clusters.some((one) => one.name === named),
  )

function namesClusterOfEvents({
  clusters,
  interceptor,
}: {
  clusters: readonly { name: string }[]
  interceptor?: Place | undefined
}) {
  if (interceptor === undefined) return true
  const { cluster: named } = interceptor
  return named === undefined ? clusters.length === 1 : clusters.some((one) => one.name === named)
}

interface Place {
  readonly cluster?: string | undefined
}

function namesKnownClusters(
  named: readonly { readonly cluster?: string | undefined }[],
  clusters: readonly { readonly name: string }[],
): boolean {
  return named.every(({ cluster: one }) => one === undefined || clusters.some(({ name: known }) => known === one))
}

interface Callers {
  readonly callers: readonly { readonly cluster?: string | undefined }[]
}

/** The broker's configuration file. Every key is in docs/reference/broker-config.md. */
export const brokerConfig = z
  .strictObject({
    name: name.default('tokenbroker').describe('Name of this broker in records; the pod name where there are several.'),
    issuer: issuer.describe('Issuer URL of the tokens; also the audience that pods ask for in their projected token.'),
    tokenUrl: issuer
      .optional()
      .describe('URL of the token listener, for the metadata documents. Default: the issuer URL.'),
    listeners: z.strictObject({
      token: tlsListener.describe('/token, /authorize, /introspect, /revoke, /runs/end, /runs/live.'),
      discovery: listener.describe('Metadata and keys; may be public, so clear text is allowed (behind an ingress).'),
      metrics: listener.describe('/livez, /readyz, /metrics.'),
      interceptor: tlsListener
        .optional()
        .describe('/intercept, for EventListeners of Tekton Triggers; needs interceptor.'),
    }),
    clusters: z
      .array(cluster)
      .min(1)
      .max(32)
      .refine((all) => isDistinct(all.map((one) => one.name)), 'two clusters have one name')
      .refine(
        (all) => isDistinct(all.flatMap((one) => one.issuer ?? [])),
        'two clusters have one issuer, so their tokens cannot be told apart: give one of them another --service-account-issuer',
      )
      .describe('Clusters whose pods may ask.'),
    controller: z
      .strictObject({
        namespace: name.describe('Namespace of the controller.'),
        serviceAccount: name.describe('ServiceAccount of the controller.'),
        deployment: name
          .optional()
          .describe(
            'Deployment that its pod has to belong to. Without it any pod with the ServiceAccount is taken for it.',
          ),
        peerAddress: z
          .enum(['record', 'enforce'])
          .default('record')
          .describe(
            'enforce: its requests have to come from an address of its pod, which no proxy or mesh may change. record: the audit stream says whether they do.',
          ),
      })
      .optional()
      .describe('Who may act for CustomRuns and report the end of runs. Without it nobody may.'),
    keys: z.strictObject({ directory: directory.describe('Directory of the signing keys; made at the first start.') }),
    audit: z.strictObject({
      directory: directory.describe('Directory of the journal; a volume of its own that outlives the pod.'),
      durability: z
        .enum(['fdatasync', 'memory'])
        .default('fdatasync')
        .describe('memory loses records when the process dies: for measurements only.'),
      acceptNewEpoch: z
        .boolean()
        .default(false)
        .describe('Start a new chain although the old one cannot be verified; recorded. For one start after damage.'),
    }),
    introspection: z
      .strictObject({ callers: z.array(caller).max(256).describe('Who may introspect tokens of which audiences.') })
      .default({ callers: [] })
      .describe('Callers of /introspect.'),
    interceptor: interceptorConfig.optional(),
    agents: agentsConfig
      .prefault({})
      .describe('Who is an automated agent, whatever policies and providers say of that.'),
    limits: z
      .strictObject({
        requestsPerSecondPerPod: z.number().positive().max(1_000_000).default(20).describe('Rate of one pod.'),
        burstPerPod: z.number().min(1).max(1_000_000).default(40).describe('Requests a pod may make at once.'),
        requestsPerSecondPerNamespace: z
          .number()
          .positive()
          .max(1_000_000)
          .default(200)
          .describe('Rate of one namespace.'),
        burstPerNamespace: z
          .number()
          .min(1)
          .max(1_000_000)
          .default(400)
          .describe('Requests a namespace may make at once.'),
        requestTimeoutMs: z.int().min(100).max(60_000).default(8000).describe('Longest time for one request.'),
      })
      .prefault({})
      .describe('Limits of the token listener.'),
    shutdownGraceSeconds: z.number().positive().max(600).default(20).describe('Time for running requests at SIGTERM.'),
  })
  .refine(saysCluster, {
    message: 'every caller needs the name of its cluster where there are several, and one that is listed in clusters',
    path: ['introspection', 'callers'],
  })
  .refine(({ agents, clusters }) => namesKnownClusters(agents.serviceAccounts, clusters), {
    message: 'an agent stands in a cluster that is not listed in clusters: nobody would be restricted by it',
    path: ['agents', 'serviceAccounts'],
  })
  .refine(({ interceptor, listeners }) => (interceptor === undefined) === (listeners.interceptor === undefined), {
    message: 'interceptor and listeners.interceptor go together: where events come in, and whose they may be',
    path: ['interceptor'],
  })
  .refine(namesClusterOfEvents, {
    message: 'interceptor.cluster names one of clusters; it may only be left out where there is one',
    path: ['interceptor', 'cluster'],
  })

export type BrokerConfig = z.output<typeof brokerConfig>

/** Shown beside the problems of a file that cannot be used, and in the documentation. */
export const exampleConfig = `
issuer: https://tokenbroker.example.com
listeners:
  token: {address: 0.0.0.0, port: 8443, tls: {certFile: /etc/tokenbroker/tls/tls.crt, keyFile: /etc/tokenbroker/tls/tls.key}}
  discovery: {address: 0.0.0.0, port: 8080}
  metrics: {address: 0.0.0.0, port: 9090}
clusters:
- {name: main}
controller: {namespace: tokenbroker-system, serviceAccount: tokenbroker-controller}
keys: {directory: /var/lib/tokenbroker/keys}
audit: {directory: /var/lib/tokenbroker/audit}
`
