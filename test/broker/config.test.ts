import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { brokerConfig, exampleConfig } from '../../broker/config.ts'
import { parseConfig } from '../../core/config-file.ts'

const example = parse(exampleConfig) as Readonly<Record<string, unknown>>
const loopback = { address: '127.0.0.1', port: 0 }
const everywhere = { address: '0.0.0.0', port: 8443 }
const cluster = { name: 'main', issuer: 'https://kubernetes.default.svc.cluster.local' }

function read(changes: Readonly<Record<string, unknown>> = {}) {
  return parseConfig(brokerConfig, { ...example, ...changes })
}

function keysOf(changes: Readonly<Record<string, unknown>>): readonly string[] {
  const parsed = read(changes)
  return parsed.ok ? [] : parsed.issues.map((issue) => issue.key)
}

describe('brokerConfig', () => {
  it('takes its own example', () => {
    expect(read()).toMatchObject({
      ok: true,
      value: {
        name: 'tokenbroker',
        clusters: [{ name: 'main', revocationCheck: 'token-review' }],
        audit: { durability: 'fdatasync', acceptNewEpoch: false },
        introspection: { callers: [] },
        limits: { requestsPerSecondPerPod: 20, burstPerPod: 40, requestTimeoutMs: 8000 },
        shutdownGraceSeconds: 20,
      },
    })
  })

  it.each<[string, object, boolean]>([
    ['no cluster, where there is one', {}, true],
    ['one that is listed', { cluster: 'other' }, true],
    ['one that is not listed', { cluster: 'third' }, false],
  ])('takes introspection callers that name %s', (what, named, isTaken) => {
    const callers = [{ namespace: 'a', serviceAccount: 'b', audiences: ['c'], ...named }]
    const clusters = [cluster, { name: 'other', issuer: 'https://other.example.com' }]
    const changes = { introspection: { callers }, clusters: what.startsWith('no') ? [cluster] : clusters }

    expect(keysOf(changes)).toEqual(isTaken ? [] : ['introspection.callers'])
  })

  it('takes an interceptor together with its listener, and with a cluster where there are several', () => {
    const { listeners } = example as { readonly listeners: object }
    const interceptor = { senders: [] }
    const both = { interceptor, listeners: { ...listeners, interceptor: loopback } }
    const clusters = [cluster, { name: 'other', issuer: 'https://other.example.com' }]

    expect(keysOf(both)).toEqual([])
    expect(keysOf({ interceptor })).toEqual(['interceptor'])
    expect(keysOf({ listeners: both.listeners })).toEqual(['interceptor'])
    expect(keysOf({ ...both, clusters })).toEqual(['interceptor.cluster'])
    expect(keysOf({ ...both, clusters, interceptor: { senders: [], cluster: 'other' } })).toEqual([])
    expect(keysOf({ ...both, interceptor: { senders: [], cluster: 'mian' } })).toEqual(['interceptor.cluster'])
    expect(keysOf({ ...both, listeners: { ...listeners, interceptor: everywhere } })).toEqual([
      'listeners.interceptor.tls',
    ])
  })

  it('refuses introspection callers without a cluster where there are several', () => {
    const clusters = [cluster, { name: 'other', issuer: 'https://other.example.com' }]
    const callers = [{ namespace: 'a', serviceAccount: 'b', audiences: ['c'] }]

    expect(keysOf({ clusters, introspection: { callers } })).toEqual(['introspection.callers'])
  })

  it.each([
    [undefined, true],
    ['main', true],
    ['mian', false],
  ])('takes an agent of cluster %s: %s', (named, isTaken) => {
    const agents = { serviceAccounts: [{ cluster: named, namespace: 'ci', serviceAccount: 'bot' }] }

    expect(keysOf({ agents })).toEqual(isTaken ? [] : ['agents.serviceAccounts'])
  })

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['clear text on loopback', { listeners: { token: loopback, discovery: loopback, metrics: loopback } }],
    [
      'clear text on IPv6 loopback',
      { listeners: { token: { address: '::1', port: 1 }, discovery: loopback, metrics: loopback } },
    ],
    ['several clusters', { clusters: [cluster, { name: 'other', issuer: 'https://other.example.com' }] }],
    ['an issuer with a path', { issuer: 'https://example.com/tokenbroker' }],
    ['no controller', { controller: undefined }],
  ])('takes %s', (_what, changes) => {
    expect(keysOf(changes)).toEqual([])
  })

  it.each<[string, Readonly<Record<string, unknown>>, readonly string[]]>([
    ['an unknown key', { isuer: 'x' }, ['isuer']],
    ['a relative directory of keys', { keys: { directory: 'keys' } }, ['keys.directory']],
    ['a relative directory of the journal', { audit: { directory: './audit' } }, ['audit.directory']],
    ['no issuer', { issuer: undefined }, ['issuer']],
    ['an issuer with a trailing slash', { issuer: 'https://example.com/' }, ['issuer']],
    ['an issuer with a query', { issuer: 'https://example.com?x=1' }, ['issuer']],
    ['an issuer that is no URL', { issuer: 'tokenbroker' }, ['issuer']],
    [
      'clear text beyond loopback',
      { listeners: { token: everywhere, discovery: everywhere, metrics: everywhere } },
      ['listeners.token.tls'],
    ],
    [
      'a port beyond the last',
      { listeners: { token: { ...loopback, port: 65_536 }, discovery: loopback, metrics: loopback } },
      ['listeners.token.port'],
    ],
    [
      'a name in place of an address',
      { listeners: { token: { address: 'localhost', port: 1 }, discovery: loopback, metrics: loopback } },
      ['listeners.token.address'],
    ],
    ['no cluster', { clusters: [] }, ['clusters']],
    [
      'two clusters of one name',
      { clusters: [cluster, { ...cluster, issuer: 'https://other.example.com' }] },
      ['clusters'],
    ],
    ['two clusters of one issuer', { clusters: [cluster, { ...cluster, name: 'other' }] }, ['clusters']],
    [
      'a life of tokens below Kubernetes’ own minimum',
      { clusters: [{ ...cluster, maxTokenLifetimeSeconds: 599 }] },
      ['clusters.0.maxTokenLifetimeSeconds'],
    ],
    [
      'an unknown revocation check',
      { clusters: [{ ...cluster, revocationCheck: 'never' }] },
      ['clusters.0.revocationCheck'],
    ],
    ['a rate of nothing', { limits: { requestsPerSecondPerPod: 0 } }, ['limits.requestsPerSecondPerPod']],
    [
      'a burst that lets nobody through',
      { limits: { burstPerPod: 0.5, burstPerNamespace: 0.5 } },
      ['limits.burstPerPod', 'limits.burstPerNamespace'],
    ],
    ['a timeout of an hour', { limits: { requestTimeoutMs: 3_600_000 } }, ['limits.requestTimeoutMs']],
    [
      'a caller without audiences',
      { introspection: { callers: [{ namespace: 'a', serviceAccount: 'b', audiences: [] }] } },
      ['introspection.callers.0.audiences'],
    ],
    ['several at once', { issuer: 'x', clusters: [], keys: {} }, ['issuer', 'clusters', 'keys.directory']],
  ])('refuses %s', (_what, changes, keys) => {
    expect(keysOf(changes).toSorted()).toEqual(keys.toSorted())
  })
})
