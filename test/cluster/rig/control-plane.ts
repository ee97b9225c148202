import { join } from 'node:path'
import type { BuiltModule } from '../build.ts'
import { kubeconfigOf } from './credentials.ts'
import { apiUrl, cgroup, dnsServiceAddress, hostAddress, nodeName, serviceRange, state } from './places.ts'
import type { Component } from './supervisor.ts'

const pki = join(state, 'pki')
const secret = (file: string): string => join(pki, file)
const etcdUrl = 'http://127.0.0.1:2379'
const etcdPeerUrl = 'http://127.0.0.1:2380'

/** Answers when etcd can be used. */
export const etcdHealth = `${etcdUrl}/health`
export const etcdData = join(state, 'etcd')

export function etcd(built: BuiltModule): Component {
  return {
    name: 'etcd',
    command: join(built.directory, 'etcd'),
    args: flags({
      'data-dir': etcdData,
      'listen-client-urls': etcdUrl,
      'advertise-client-urls': etcdUrl,
      'listen-peer-urls': etcdPeerUrl,
      'initial-advertise-peer-urls': etcdPeerUrl,
      'initial-cluster': `default=${etcdPeerUrl}`,
      logger: 'zap',
      'log-level': 'warn',
      // the data is a copy that is thrown away with the run
      'unsafe-no-fsync': 'true',
    }),
  }
}

export function apiServer(built: BuiltModule): Component {
  return kube(built, 'kube-apiserver', {
    'etcd-servers': etcdUrl,
    'bind-address': hostAddress,
    'advertise-address': hostAddress,
    'secure-port': '6443',
    'tls-cert-file': secret('kube-apiserver.crt'),
    'tls-private-key-file': secret('kube-apiserver.key'),
    'client-ca-file': secret('ca.crt'),
    'service-cluster-ip-range': serviceRange,
    'service-account-issuer': apiUrl,
    'service-account-key-file': secret('service-accounts.key'),
    'service-account-signing-key-file': secret('service-accounts.key'),
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'allow-privileged': 'true',
    'kubelet-client-certificate': secret('admin.crt'),
    'kubelet-client-key': secret('admin.key'),
    'kubelet-certificate-authority': secret('ca.crt'),
    'kubelet-preferred-address-types': 'InternalIP',
    'requestheader-client-ca-file': secret('ca.crt'),
    'requestheader-allowed-names': 'front-proxy',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-username-headers': 'X-Remote-User',
    'proxy-client-cert-file': secret('front-proxy.crt'),
    'proxy-client-key-file': secret('front-proxy.key'),
    'cert-dir': join(state, 'kube-apiserver'),
    profiling: 'false',
    v: '1',
  })
}

export function controllerManager(built: BuiltModule): Component {
  return kube(built, 'kube-controller-manager', {
    ...ownKubeconfig('kube-controller-manager'),
    'service-account-private-key-file': secret('service-accounts.key'),
    'root-ca-file': secret('ca.crt'),
    'cluster-signing-cert-file': secret('ca.crt'),
    'cluster-signing-key-file': secret('ca.key'),
    // without it the manager may not take the not-ready taint off the node, and no pod is ever scheduled
    'use-service-account-credentials': 'true',
    'kube-api-qps': '200',
    'kube-api-burst': '400',
    'cert-dir': join(state, 'kube-controller-manager'),
    profiling: 'false',
    v: '1',
  })
}

export function scheduler(built: BuiltModule): Component {
  return kube(built, 'kube-scheduler', {
    ...ownKubeconfig('kube-scheduler'),
    'cert-dir': join(state, 'kube-scheduler'),
    v: '1',
  })
}

export function kubeProxy(built: BuiltModule): Component {
  return kube(built, 'kube-proxy', {
    kubeconfig: kubeconfigOf(state, 'kube-proxy'),
    'proxy-mode': 'iptables',
    'hostname-override': nodeName,
    'bind-address': hostAddress,
    'healthz-bind-address': '127.0.0.1:10256',
    'metrics-bind-address': '127.0.0.1:10249',
    // a Service can be used at once instead of within a second
    'iptables-min-sync-period': '50ms',
    // these are settings of the machine, which a network namespace may not change
    'conntrack-max-per-core': '0',
    'conntrack-tcp-timeout-established': '0',
    'conntrack-tcp-timeout-close-wait': '0',
    v: '1',
  })
}

export function kubelet(built: BuiltModule, configuration: string): Component {
  return kube(built, 'kubelet', {
    config: configuration,
    kubeconfig: kubeconfigOf(state, 'kubelet'),
    'hostname-override': nodeName,
    'node-ip': hostAddress,
    'root-dir': join(state, 'kubelet'),
    'cert-dir': join(state, 'kubelet-certificates'),
    v: '2',
  })
}

/** The kubelet's configuration file, as an object. */
export function kubeletConfiguration(containerdSocket: string, resolvConf: string): unknown {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: hostAddress,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: secret('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: secret('kubelet.crt'),
    tlsPrivateKeyFile: secret('kubelet.key'),
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    failSwapOn: false,
    failCgroupV1: false,
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    enforceNodeAllocatable: [],
    // a full disk or little memory of the machine must not make tests fail in strange ways
    evictionHard: {
      'memory.available': '50Mi',
      'nodefs.available': '1%',
      'imagefs.available': '1%',
      'nodefs.inodesFree': '1%',
    },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    resolvConf,
    clusterDNS: [dnsServiceAddress],
    clusterDomain: 'cluster.local',
    readOnlyPort: 0,
    healthzBindAddress: '127.0.0.1',
    oomScoreAdj: 0,
    podLogsDir: join(state, 'pod-logs'),
    volumePluginDir: join(state, 'volume-plugins'),
    nodeStatusUpdateFrequency: '5s',
    // changed ConfigMaps and Secrets reach their pods soon, so tests of rotation do not wait a minute
    syncFrequency: '10s',
    maxPods: 60,
  }
}

function kube(built: BuiltModule, name: string, values: Readonly<Record<string, string>>): Component {
  return { name, command: join(built.directory, 'kube'), args: [name, ...flags(values)] }
}

function ownKubeconfig(name: string): Readonly<Record<string, string>> {
  const file = kubeconfigOf(state, name)
  return {
    kubeconfig: file,
    'authentication-kubeconfig': file,
    'authorization-kubeconfig': file,
    'leader-elect': 'false',
    'bind-address': '127.0.0.1',
  }
}

function flags(values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`)
}
