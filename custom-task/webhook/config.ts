import { z } from 'zod'
import { isLoopback } from '../../core/io/loopback.ts'

const path = z.string().min(1).max(4096)
const port = z.int().min(0).max(65_535)
const address = z.union([z.ipv4(), z.ipv6()]).default('0.0.0.0').describe('Address to listen on.')

/** A quantity as Kubernetes writes it; the API server has the last word. */
const quantity = z.string().regex(/^\d+(?:\.\d+)?(?:m|k|Ki|M|Mi|G|Gi)?$/, 'expected a quantity, such as 10m or 64Mi')
const quantities = z.record(z.enum(['cpu', 'memory', 'ephemeral-storage']).or(z.string().includes('/')), quantity)

const resources = z
  .strictObject({
    requests: quantities.default({ cpu: '10m', memory: '64Mi' }).describe('What the scheduler reckons with.'),
    limits: quantities.default({ memory: '128Mi' }).describe('What the container may not exceed.'),
  })
  .prefault({})

const brokerUrl = z
  .string()
  .max(512)
  .refine(isBrokerUrl, 'expected an https URL without query, fragment, user and slash at its end (http on loopback)')

/** The webhook's configuration file. Every key is in docs/guides/injection.md. */
export const webhookConfig = z.strictObject({
  broker: z.strictObject({
    url: brokerUrl.describe("Where pods get tokens: the broker's token listener."),
    audience: brokerUrl
      .optional()
      .describe("The broker's issuer URL, the audience of the pod's own token. Default: broker.url."),
    caFile: path
      .optional()
      .describe(
        "PEM authorities of the broker's certificate, written into every pod; followed. Default: the system's.",
      ),
  }),
  sidecar: z.strictObject({
    image: z.string().min(1).max(1024).describe('The task image, which holds sidecar and gate.'),
    imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent').describe('As in a container.'),
    runAsUser: z
      .int()
      .min(1)
      .max(2 ** 31 - 1)
      .nullable()
      .default(65_532)
      .describe('User and group of sidecar and gate. null leaves the choice to the platform, as OpenShift wants it.'),
    resources: resources.describe('Of the sidecar.'),
  }),
  gate: z
    .strictObject({
      resources: resources.describe('Of the gate, which is over before the steps start.'),
    })
    .prefault({}),
  listener: z.strictObject({
    address,
    port: port.default(9443).describe('Port of POST /mutate; 0 takes a free one.'),
    tls: z.strictObject({
      certFile: path.describe('PEM certificate chain; waited for at start, followed when it changes.'),
      keyFile: path.describe('PEM private key; waited for at start, followed when it changes.'),
    }),
  }),
  health: z
    .strictObject({
      address,
      port: port.default(8081).describe('Port of /livez, /readyz, /metrics; 0 takes a free one.'),
    })
    .prefault({}),
  kubeconfig: path
    .optional()
    .describe('Kubeconfig file. Default: KUBECONFIG, else the ServiceAccount that the webhook runs as.'),
  context: z.string().max(253).optional().describe('Context of the kubeconfig. Default: its current one.'),
  drainSeconds: z
    .number()
    .min(0)
    .max(60)
    .default(5)
    .describe('At SIGTERM the webhook is not ready, but serves so long: API servers hear of it a moment later.'),
  shutdownGraceSeconds: z.number().positive().max(600).default(20).describe('For all of the end, draining included.'),
})

export type WebhookConfig = z.output<typeof webhookConfig>

/** Shown beside the problems of a file that cannot be used, and in the documentation. */
export const exampleConfig = `
broker:
  url: https://tokenbroker.tokenbroker.svc
  audience: https://tokenbroker-discovery.tokenbroker.svc
  caFile: /etc/tokenbroker/ca/ca.crt
sidecar:
  image: ghcr.io/tekton-token-broker/tokenbroker-task:0.1.0
listener:
  tls: {certFile: /etc/tokenbroker/serving/tls.crt, keyFile: /etc/tokenbroker/serving/tls.key}
`

/** As the sidecar takes it: a pod must not get a configuration that its sidecar refuses. */
function isBrokerUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || text.endsWith('/') || url.search + url.hash + url.username + url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}
