import { lookup } from 'node:dns/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apply, createNamespace, createToken, facts, hostAddress, kube, whileHanging } from './harness/cluster.ts'
import { exposeHostProcess, issueCertificate } from './harness/host-service.ts'
import { Kube, type KubeObject } from './harness/kube.ts'
import { loginAs } from './harness/login.ts'
import { explainOnFailure, podLogs, waitForPod, waitForSuccess } from './harness/pods.ts'
import { type HostProcess, startProcess } from './harness/process.ts'
import { acceptsPods } from './rig/cluster.ts'

const audience = 'https://broker.test'
/** A foreign cluster's processes and names are out of reach. */
const ownRig = facts().pki !== null
let namespace: string

beforeAll(async () => {
  namespace = await createNamespace('rig')
})

test('a node accepts pods', async () => {
  const nodes = await (await kube()).list('/api/v1/nodes')
  expect(nodes.filter(acceptsPods)).not.toHaveLength(0)
})

test("anybody can read the issuer's discovery document and keys", async () => {
  const client = await kube()
  const discovery = await client.get<{ issuer: string; jwks_uri: string }>('/.well-known/openid-configuration', {
    token: '',
  })
  const { keys } = await client.get<{ keys: readonly { kid: string }[] }>('/openid/v1/jwks', { token: '' })
  expect(discovery.issuer).toMatch(/^https:/)
  expect(keys[0]?.kid).toBeTypeOf('string')
})

describe('a PipelineRun with a script step in a pod', () => {
  let run: KubeObject
  let taskRun: KubeObject

  test('succeeds', async () => {
    const client = await kube()
    run = await client.create(pipelineRun(namespace))
    await waitForSuccess(run)
    const labelSelector = `tekton.dev/pipelineRun=${run.metadata.name}`
    const [first] = await client.list(`/apis/tekton.dev/v1/namespaces/${namespace}/taskruns`, { labelSelector })
    if (!first) throw new Error('the PipelineRun has no TaskRun')
    taskRun = first
    expect(taskRun.status.results).toEqual([{ name: 'greeting', type: 'string', value: 'hello' }])
  })

  test('gets a token for a custom audience, bound to its pod', async () => {
    const pod: string = taskRun.status.podName
    const token = /TOKEN=(\S+)/.exec(await podLogs(namespace, pod, 'step-token'))?.[1]
    const review = await reviewToken(token ?? '', audience)
    expect(review).toMatchObject({ authenticated: true, audiences: [audience] })
    expect(review.user.extra['authentication.kubernetes.io/pod-name']).toEqual([pod])
    expect(await reviewToken(token ?? '', 'https://other.test')).not.toHaveProperty('authenticated', true)
  })
})

test('a token can be asked for outside of pods', async () => {
  const review = await reviewToken(await createToken(namespace, 'default', audience), audience)
  expect(review.user.username).toBe(`system:serviceaccount:${namespace}:default`)
})

test('a process can log in as a service account', async () => {
  const { kubeconfig } = await loginAs(namespace, 'robot')
  const robot = await Kube.connect(kubeconfig)
  const review = await robot.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'SelfSubjectReview',
  })
  await robot.close()
  expect(review.status.userInfo.username).toBe(`system:serviceaccount:${namespace}:robot`)
})

test.runIf(ownRig)('the API server can be made to hang', async () => {
  const answer = await whileHanging('kube-apiserver', async () => {
    const late = new Promise<string>((resolve) => setTimeout(resolve, 300, 'no answer'))
    return Promise.race([late, (await kube()).text('/readyz')])
  })
  expect(answer).toBe('no answer')
  expect(await (await kube()).text('/readyz')).toBe('ok')
})

test.runIf(ownRig)('cluster names are known on this machine too', async () => {
  expect((await lookup('kubernetes.default.svc')).address).toBe('10.96.0.1')
})

describe('a process of this machine', () => {
  let server: HostProcess

  afterAll(async () => {
    await server?.kill()
  })

  test('is reached by a pod under a Service name, with a certificate for it', async () => {
    explainOnFailure(namespace)
    const name = await exposeHostProcess({ namespace, name: 'greeter', port: 443, targetPort: 18_444 })
    const certificate = await issueCertificate([name, hostAddress()])
    server = startProcess('greeter', process.execPath, ['--eval', greeter], {
      env: { KEY: certificate.key, CERTIFICATE: certificate.certificate, ADDRESS: hostAddress(), PORT: '18444' },
    })
    await server.waitForOutput(/listening/)
    await apply([configMap(namespace, certificate.authorityPem), probePod(namespace, `https://${name}/`)])
    await waitForPod(namespace, 'probe', 'Succeeded')
    expect(await podLogs(namespace, 'probe')).toContain('200 hello from outside')
  })

  test('can be killed and started again', async () => {
    const before = server.pid
    expect(await server.kill()).toBe('SIGKILL')
    await server.restart()
    await server.waitUntil('it runs', async () => server.running)
    expect(server.pid).not.toBe(before)
  })
})

const greeter = `
  const { readFileSync } = require('node:fs')
  const { KEY, CERTIFICATE, ADDRESS, PORT } = process.env
  require('node:https')
    .createServer({ key: readFileSync(KEY), cert: readFileSync(CERTIFICATE) }, (_, answer) => answer.end('hello from outside'))
    .listen(Number(PORT), ADDRESS, () => console.log('listening'))
`

function pipelineRun(namespace: string): KubeObject {
  const { images } = facts()
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { generateName: 'hello-', namespace },
    spec: { pipelineSpec: { tasks: [{ name: 'hello', taskSpec: greetingTask(images.busybox, images.node) }] } },
  }
}

function greetingTask(busybox: string, node: string): unknown {
  const projected = { sources: [{ serviceAccountToken: { path: 'token', audience, expirationSeconds: 600 } }] }
  return {
    results: [{ name: 'greeting' }],
    volumes: [{ name: 'broker-token', projected }],
    steps: [
      { name: 'greet', image: busybox, script: '#!/bin/sh\nprintf hello > $(results.greeting.path)\n' },
      {
        name: 'token',
        image: node,
        volumeMounts: [{ name: 'broker-token', mountPath: '/var/run/broker', readOnly: true }],
        script: readToken,
      },
    ],
  }
}

const readToken = `#!/usr/bin/env node
console.log('TOKEN=' + require('node:fs').readFileSync('/var/run/broker/token'))
`

function configMap(namespace: string, authority: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'authority', namespace },
    data: { 'ca.crt': authority },
  }
}

function probePod(namespace: string, url: string): KubeObject {
  const program = `const answer = await fetch('${url}'); console.log(answer.status, await answer.text())`
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'probe', namespace },
    spec: {
      restartPolicy: 'Never',
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      volumes: [{ name: 'authority', configMap: { name: 'authority' } }],
      containers: [
        {
          name: 'probe',
          image: facts().images.node,
          command: ['node', '--input-type=module', '--eval', program],
          env: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/authority/ca.crt' }],
          volumeMounts: [{ name: 'authority', mountPath: '/authority' }],
          securityContext: {
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  }
}

interface TokenReviewStatus {
  readonly authenticated?: boolean
  readonly audiences?: readonly string[]
  readonly user: { readonly username: string; readonly extra: Readonly<Record<string, readonly string[]>> }
}

async function reviewToken(token: string, audience: string): Promise<TokenReviewStatus> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences: [audience] } }
  return (await (await kube()).post('/apis/authentication.k8s.io/v1/tokenreviews', review)).status
}
