import { z } from 'zod'
import { name } from '../../core/crd/fields.ts'

const path = z.string().min(1).max(4096)
const dnsName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'expected a DNS name')
  .max(253)

const leaderElection = z.strictObject({
  namespace: name.describe('Namespace of the Lease.'),
  lease: name.default('tokenbroker-controller').describe('Name of the Lease (coordination.k8s.io).'),
})

const certificates = z.strictObject({
  namespace: name.describe('Namespace of the Secret and the ConfigMap.'),
  secret: name.describe('Secret that the servers mount; it must exist.'),
  configMap: name.describe('ConfigMap whose key ca.crt gets the authorities; it must exist.'),
  webhookConfiguration: name
    .optional()
    .describe('MutatingWebhookConfiguration whose webhooks get the authorities as caBundle.'),
  clusterInterceptor: name
    .optional()
    .describe('ClusterInterceptor that gets the authorities as caBundle, and with them its label server/type: https.'),
  caFile: path.describe("This process's own copy of the authorities; broker.caFile names the same file."),
  servers: z
    .record(z.string().regex(/^[a-z]{1,32}$/), z.array(dnsName).min(1).max(32))
    .refine((servers) => !('ca' in servers), 'ca is the name of the authority')
    .describe('DNS names of each server; <server>.crt and <server>.key are its keys in the Secret.'),
})

/** The controller's configuration file. */
export const controllerConfig = z.strictObject({
  broker: z.strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .max(512)
      .describe("The broker's token listener. https; plain http is for loopback only."),
    caFile: path
      .optional()
      .describe("PEM authorities of the broker's certificate; followed when it changes. Default: the system's."),
    tokenFile: path
      .default('/var/run/secrets/tokenbroker/token')
      .describe("The controller's own projected ServiceAccount token, with the broker's issuer URL as its audience."),
  }),
  kubeconfig: path
    .optional()
    .describe('Kubeconfig file. Default: KUBECONFIG, else the ServiceAccount that the controller runs as.'),
  context: z.string().max(253).optional().describe('Context of the kubeconfig. Default: its current one.'),
  namespace: name.optional().describe('Work in this namespace only. Default: all.'),
  concurrency: z.int().min(1).max(256).default(8).describe('CustomRuns that are worked on at once.'),
  secretDelivery: z
    .boolean()
    .default(false)
    .describe(
      'Whether deliver: secret is offered; it takes rights on Secrets, and limits.secretDelivery of the provider.',
    ),
  leaderElection: leaderElection
    .optional()
    .describe('Of several replicas one works at a time. Without it this process works at once.'),
  certificates: certificates
    .optional()
    .describe('Makes and rotates the serving certificates of broker and webhook. Without it somebody else does.'),
  health: z
    .strictObject({
      address: z
        .union([z.ipv4(), z.ipv6()], 'expected an IPv4 or IPv6 address')
        .default('0.0.0.0')
        .describe('Address to listen on.'),
      port: z.int().min(0).max(65_535).default(8081).describe('Port; 0 takes a free one.'),
    })
    .prefault({})
    .describe('/livez, /readyz, /metrics.'),
  shutdownGraceSeconds: z.number().positive().max(600).default(20).describe('Time for running work at SIGTERM.'),
})

export type ControllerConfig = z.output<typeof controllerConfig>

/** Shown beside the problems of a file that cannot be used, and in the documentation. */
export const exampleConfig = `
broker:
  url: https://tokenbroker.tokenbroker-system.svc:8443
  caFile: /etc/tokenbroker/ca.crt
`
