import { z } from 'zod'

const path = z.string().min(1).max(4096)
const port = z.int().min(0).max(65_535)
const address = z.union([z.ipv4(), z.ipv6()]).default('0.0.0.0').describe('Address to listen on.')

/** A quantity as Kubernetes writes it; the API server has the last word. */
const quantity = z.string().regex(/^\d+(?:\.\d+)?(?:m|k|Ki|M|Mi|G|Gi)?$/, 'expected a quantity, such as 10m or 64Mi')
const quantities = z.record(z.enum(['cpu', 'memory', 'ephemeral-storage']).or(z.string().includes('/')), quantity)

function resources(requests: Record<string, string>, limits: Record<string, string>) {
  return z
    .strictObject({
      requests: quantities.default(requests).describe('What the scheduler reckons with.'),
      limits: quantities.default(limits).describe('What the container may not exceed.'),
    })
    .prefault({})
}

/** The webhook's configuration file. Every key is in docs/guides/injection.md. */
export const webhookConfig = z.strictObject({
  broker: z.strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .max(512)
      .regex(/[^/]$/, 'expected no slash at the end')
      .describe(
        "The broker's issuer URL: where pods get tokens, and the audience of their own. Plain http on loopback only.",
      ),
    caFile: path
      .optional()
      .describe(
        "PEM authorities of the broker's certificate, written into every pod; followed. Default: the system's.",
      ),
  }),
  image: z.string().min(1).max(1024).describe('The task image, which holds sidecar and gate.'),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent').describe('As in a container.'),
  runAsUser: z
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .nullable()
    .default(65_532)
    .describe('User and group of sidecar and gate. null leaves the choice to the platform, as OpenShift wants it.'),
  sidecar: resources({ cpu: '10m', memory: '64Mi' }, { memory: '128Mi' }).describe('Resources of the sidecar.'),
  gate: resources({ cpu: '10m', memory: '64Mi' }, { memory: '128Mi' }).describe(
    'Resources of the gate. It is over before the steps start, so its requests cost a pod nothing.',
  ),
  listen: z
    .strictObject({
      address,
      port: port.default(8443).describe('Port; 0 takes a free one.'),
      certFile: path.describe('PEM certificate chain; waited for at start, followed when it changes.'),
      keyFile: path.describe('PEM private key; waited for at start, followed when it changes.'),
    })
    .describe('POST /mutate, for the API server.'),
  health: z
    .strictObject({ address, port: port.default(8082).describe('Port; 0 takes a free one.') })
    .prefault({})
    .describe('/livez, /readyz, /metrics.'),
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
  url: https://tokenbroker.tokenbroker-system.svc:8443
  caFile: /etc/tokenbroker/ca/ca.crt
image: ghcr.io/tekton-token-broker/tokenbroker-task:0.1.0
listen:
  certFile: /etc/tokenbroker/tls/webhook.crt
  keyFile: /etc/tokenbroker/tls/webhook.key
`
