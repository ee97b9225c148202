import { createSocket, type RemoteInfo } from 'node:dgram'
import type { Kube, KubeObject } from '../harness/kube.ts'
import { dnsServiceAddress, hostAddress } from './places.ts'

/**
 * Cluster DNS in a few lines: addresses of Services by name, and "no such name" for everything else. Names are asked of
 * the API server each time, so a Service can be reached as soon as it exists.
 */
export async function serveNames(kube: Kube): Promise<void> {
  const socket = createSocket('udp4')
  socket.on('message', (query, client) => void answer(query, client))
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(53, hostAddress, resolve)
  })

  async function answer(query: Buffer, client: RemoteInfo): Promise<void> {
    const question = readQuestion(query)
    if (!question) return
    const addresses = await addressesOf(kube, question.labels).catch(() => undefined)
    socket.send(writeAnswer(query, question, addresses), client.port, client.address)
  }
}

/** The Service and endpoints through which pods find the server. */
export const dnsObjects: readonly KubeObject[] = [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', namespace: 'kube-system' },
    spec: { clusterIP: dnsServiceAddress, ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kube-dns', namespace: 'kube-system', labels: { 'kubernetes.io/service-name': 'kube-dns' } },
    addressType: 'IPv4',
    ports: [{ name: 'dns', port: 53, protocol: 'UDP' }],
    endpoints: [{ addresses: [hostAddress], conditions: { ready: true } }],
  },
]

interface Question {
  readonly labels: readonly string[]
  readonly type: number
  /** Where the question ends in the message. */
  readonly end: number
}

const addressRecord = 1
const headerLength = 12

function readQuestion(query: Buffer): Question | undefined {
  const labels: string[] = []
  let at = headerLength
  for (let length = query[at]; length; length = query[at]) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase())
    at += length + 1
  }
  return at + 5 <= query.length ? { labels, type: query.readUInt16BE(at + 1), end: at + 5 } : undefined
}

/** Addresses of `<service>.<namespace>.svc.cluster.local`; of the endpoints when the Service is headless. */
async function addressesOf(kube: Kube, labels: readonly string[]): Promise<readonly string[] | undefined> {
  const [service, namespace, ...zone] = labels
  if (zone.join('.') !== 'svc.cluster.local') return undefined
  const found = await kube.find(`/api/v1/namespaces/${namespace}/services/${service}`)
  if (!found) return undefined
  if (found.spec.clusterIP !== 'None') return [found.spec.clusterIP]
  const slices = await kube.list(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, {
    labelSelector: `kubernetes.io/service-name=${service}`,
  })
  type Endpoint = { addresses: string[]; conditions?: { ready?: boolean } }
  return slices
    .flatMap(({ endpoints = [] }): readonly Endpoint[] => endpoints)
    .filter((endpoint) => endpoint.conditions?.ready !== false)
    .flatMap((endpoint) => endpoint.addresses)
}

function writeAnswer(query: Buffer, question: Question, addresses: readonly string[] | undefined): Buffer {
  const records = question.type === addressRecord ? (addresses ?? []) : []
  const header = Buffer.alloc(headerLength)
  query.copy(header, 0, 0, 2)
  const authoritativeAnswer = 0x8580
  const noSuchName = 3
  header.writeUInt16BE(authoritativeAnswer | (addresses ? 0 : noSuchName), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records.length, 6)
  // name: a pointer to the question; class IN; five seconds to live, as Services come and go during tests
  const body = records.map((address) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, ...address.split('.').map(Number)]),
  )
  return Buffer.concat([header, query.subarray(headerLength, question.end), ...body])
}
