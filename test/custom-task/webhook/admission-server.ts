import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import type { TestContext } from 'vitest'
import { startServer } from '../../../core/io/http-server.ts'
import { createLog } from '../../../core/io/log.ts'
import { createAdmissionApp } from '../../../custom-task/webhook/admission-app.ts'
import type { Decide } from '../../../custom-task/webhook/decide.ts'
import { createWebhookMetrics } from '../../../custom-task/webhook/metrics.ts'
import { selfSignedCertificate } from '../../fakes/certificate.ts'
import { tektonPodObject } from './tekton-pod.ts'

const log = createLog({ name: 'webhook', level: 'silent' })

export interface Answer {
  readonly status: number | undefined
  readonly headers: NodeJS.Dict<string | string[]>
  readonly json: { readonly response?: Readonly<Record<string, unknown>>; readonly [field: string]: unknown }
}

export interface Sending {
  readonly port: number
  readonly ca: string
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** One request over TLS, as a client that trusts the authority alone. */
export function send(body: string | Buffer, sending: Sending): Promise<Answer> {
  const { port, ca, method = 'POST', path = '/mutate', headers = {} } = sending
  const options = { host: '127.0.0.1', port, ca, method, path, agent: false }
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      { ...options, headers: { 'content-type': 'application/json', ...headers } },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (chunk) => {
          text += chunk
        })
        answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, json: JSON.parse(text) }))
      },
    )
    request.on('error', reject).end(body)
  })
}

/** The admission endpoint alone, over TLS, with a decision of the test's choice. */
export async function startAdmission(
  { onTestFinished }: TestContext,
  decide: Decide,
  { deadlineMs = 900, requestTimeoutMs = 2000 } = {},
) {
  const directory = await mkdtemp(join(tmpdir(), 'webhook-'))
  const { cert, key, ca } = await selfSignedCertificate()
  const tls = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') }
  await Promise.all([writeFile(tls.certFile, cert), writeFile(tls.keyFile, key)])
  const metrics = createWebhookMetrics()
  const lifetime = new AbortController()
  const monotonicMs = () => performance.now()
  const app = createAdmissionApp({ decide, metrics, log, monotonicMs, lifetime: lifetime.signal, deadlineMs })
  const limits = { requestTimeoutMs, headersTimeoutMs: requestTimeoutMs }
  const { port, close } = await startServer(app, { address: '127.0.0.1', port: 0, tls, limits })
  onTestFinished(async () => {
    await close(0)
    await rm(directory, { recursive: true })
  })
  return {
    lifetime,
    send: (body: string | Buffer, more: Omit<Sending, 'port' | 'ca'> = {}) => send(body, { port, ca, ...more }),
    /** A connection for bytes that no client library would send. */
    open: () =>
      new Promise<TLSSocket>((resolve) => {
        const socket = connect({ host: '127.0.0.1', port, ca }, () => resolve(socket))
      }),
    /** The metrics, as Prometheus reads them. */
    text: () => metrics.text(),
    /** How many decisions of a kind were counted. */
    count: async (decision: string) => {
      const line = new RegExp(`^tokenbroker_webhook_decisions_total{decision="${decision}"} (\\d+)$`, 'm')
      return Number(line.exec(await metrics.text())?.[1] ?? 0)
    },
  }
}

/** An AdmissionReview as kube-apiserver 1.35 writes it. */
export function review(request: object = {}, more: object = {}): string {
  return JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      requestKind: { group: '', version: 'v1', kind: 'Pod' },
      requestResource: { group: '', version: 'v1', resource: 'pods' },
      name: 'release-deploy-pod',
      namespace: 'payments',
      operation: 'CREATE',
      userInfo: { username: 'system:serviceaccount:tekton-pipelines:tekton-pipelines-controller' },
      object: tektonPodObject(),
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
      ...request,
    },
    ...more,
  })
}

/** Everything that comes until the server closes. */
export function readAll(socket: TLSSocket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  return new Promise((resolve) => {
    socket.on('error', () => undefined).on('close', () => resolve(text))
  })
}
