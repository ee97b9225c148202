import type { KubeObject } from '../harness/kube.ts'

export const system = 'tokenbroker-system'
export const tokenUrl = `https://tokenbroker.${system}.svc`
export const issuerUrl = `https://tokenbroker-discovery.${system}.svc`
export const target = 'https://deploy.example.com'

export interface ProductOptions {
  readonly brokerImage: string
  /** Label of this installation's pods: another one replaces the pods, as their image may be new under its old name. */
  readonly installation: string
  readonly taskImage: string
  /** Folder of the node for keys and journal, so that they outlive the pod as on a volume. */
  readonly dataPath: string
  /** `--service-account-issuer` of the cluster. */
  readonly clusterIssuer: string
  readonly certificate: string
  readonly key: string
  readonly authority: string
}

/** The product in pods, as small as it can be: what the chart will install. */
export function productManifests(options: ProductOptions): readonly KubeObject[] {
  return [
    account('tokenbroker-broker'),
    account('tokenbroker-controller'),
    secret(options),
    configMap('tokenbroker-broker', { 'broker.json': JSON.stringify(brokerConfig(options)) }),
    configMap('tokenbroker-controller', {
      'controller.json': JSON.stringify(controllerConfig),
      'ca.crt': options.authority,
    }),
    service('tokenbroker', 8443),
    service('tokenbroker-discovery', 8080),
    brokerStatefulSet(options),
    controllerDeployment(options),
  ]
}

function brokerConfig({ clusterIssuer }: ProductOptions): object {
  const tls = { certFile: '/etc/tokenbroker/tls/tls.crt', keyFile: '/etc/tokenbroker/tls/tls.key' }
  return {
    issuer: issuerUrl,
    tokenUrl,
    listeners: {
      token: { address: '0.0.0.0', port: 8443, tls },
      discovery: { address: '0.0.0.0', port: 8080, tls },
      metrics: { address: '0.0.0.0', port: 9090 },
    },
    clusters: [{ name: 'rig', issuer: clusterIssuer }],
    controller: { namespace: system, serviceAccount: 'tokenbroker-controller' },
    introspection: { callers: [{ namespace: system, serviceAccount: 'tokenbroker-controller', audiences: [target] }] },
    keys: { directory: '/var/lib/tokenbroker/keys' },
    audit: { directory: '/var/lib/tokenbroker/audit' },
  }
}

const controllerConfig = {
  broker: { url: tokenUrl, caFile: '/etc/tokenbroker/ca.crt', tokenFile: '/var/run/secrets/tokenbroker/token' },
}

const restricted = {
  runAsNonRoot: true,
  runAsUser: 65532,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

function brokerStatefulSet(options: ProductOptions): KubeObject {
  const container = {
    name: 'broker',
    image: options.brokerImage,
    imagePullPolicy: 'IfNotPresent',
    args: ['--config', '/etc/tokenbroker/broker.json'],
    securityContext: restricted,
    readinessProbe: { httpGet: { path: '/readyz', port: 9090 }, periodSeconds: 1 },
    livenessProbe: { httpGet: { path: '/livez', port: 9090 }, periodSeconds: 10 },
    volumeMounts: [
      { name: 'config', mountPath: '/etc/tokenbroker/broker.json', subPath: 'broker.json', readOnly: true },
      { name: 'tls', mountPath: '/etc/tokenbroker/tls', readOnly: true },
      { name: 'data', mountPath: '/var/lib/tokenbroker' },
    ],
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'tokenbroker', namespace: system },
    spec: {
      serviceName: 'tokenbroker',
      replicas: 1,
      selector: { matchLabels: { app: 'tokenbroker' } },
      template: {
        metadata: { labels: { app: 'tokenbroker', installation: options.installation } },
        spec: {
          serviceAccountName: 'tokenbroker-broker',
          securityContext: { fsGroup: 65532 },
          terminationGracePeriodSeconds: 30,
          initContainers: [ownership(options.taskImage)],
          containers: [container],
          volumes: [
            { name: 'config', configMap: { name: 'tokenbroker-broker' } },
            { name: 'tls', secret: { secretName: 'tokenbroker-tls', defaultMode: 0o440 } },
            { name: 'data', hostPath: { path: options.dataPath, type: 'DirectoryOrCreate' } },
          ],
        },
      },
    },
  }
}

/** A hostPath belongs to root; a volume of a storage class would come with the group of the pod. */
function ownership(image: string): object {
  return {
    name: 'ownership',
    image,
    command: ['chown', '65532:65532', '/var/lib/tokenbroker'],
    securityContext: { runAsUser: 0 },
    volumeMounts: [{ name: 'data', mountPath: '/var/lib/tokenbroker' }],
  }
}

function controllerDeployment(options: ProductOptions): KubeObject {
  const container = {
    name: 'controller',
    image: options.taskImage,
    imagePullPolicy: 'IfNotPresent',
    args: ['/app/controller.mjs', '--config', '/etc/tokenbroker/controller.json'],
    env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    securityContext: restricted,
    readinessProbe: { httpGet: { path: '/readyz', port: 8081 }, periodSeconds: 1 },
    volumeMounts: [
      { name: 'config', mountPath: '/etc/tokenbroker', readOnly: true },
      { name: 'token', mountPath: '/var/run/secrets/tokenbroker', readOnly: true },
    ],
  }
  const projected = { serviceAccountToken: { audience: issuerUrl, expirationSeconds: 3600, path: 'token' } }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'tokenbroker-controller', namespace: system },
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: { app: 'tokenbroker-controller' } },
      template: {
        metadata: { labels: { app: 'tokenbroker-controller', installation: options.installation } },
        spec: {
          serviceAccountName: 'tokenbroker-controller',
          securityContext: { fsGroup: 65532 },
          containers: [container],
          volumes: [
            { name: 'config', configMap: { name: 'tokenbroker-controller' } },
            { name: 'token', projected: { sources: [projected] } },
          ],
        },
      },
    },
  }
}

function account(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: system } }
}

function secret({ certificate, key }: ProductOptions): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name: 'tokenbroker-tls', namespace: system },
    stringData: { 'tls.crt': certificate, 'tls.key': key },
  }
}

function configMap(name: string, data: Readonly<Record<string, string>>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: system }, data }
}

function service(name: string, targetPort: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: system },
    spec: { selector: { app: 'tokenbroker' }, ports: [{ port: 443, targetPort }] },
  }
}
