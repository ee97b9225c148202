import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FakeKube, startKube } from '../fakes/kube/server.ts'
import type { PlayedTask } from '../fakes/tekton/played-run.ts'
import { type FakeTekton, startTekton } from '../fakes/tekton.ts'
import { applyExample, installPlatform, system, target } from './cluster-objects.ts'
import { type DemoProcess, startProcess, waitUntilReady } from './process.ts'

const root = join(import.meta.dirname, '../..')
const startTimeoutMs = 20_000

/** Addresses of the running parts. */
export interface Addresses {
  readonly issuer: string
  readonly token: string
  readonly metrics: string
  readonly controllerHealth: string
  readonly sidecar: string
  readonly sidecarHealth: string
  readonly api: string
}

/** One machine with everything on it: an embedded Kubernetes API, a player of Tekton, and the product's processes. */
export interface Stage {
  readonly kube: FakeKube
  readonly tekton: FakeTekton
  readonly directory: string
  readonly journal: string
  readonly addresses: Addresses
  readonly processes: readonly DemoProcess[]
  /** Starts the sidecar of a task's pod, as the pod would. */
  startSidecar(task: PlayedTask): Promise<{ readonly process: DemoProcess; readonly directory: string }>
  end(): Promise<void>
}

export async function setStage(): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), 'tokenbroker-demo-'))
  const addresses = await freeAddresses()
  const kube = await startKube()
  const tekton = startTekton(kube)
  installPlatform(kube)
  applyExample(kube)
  const processes: DemoProcess[] = []
  const run = (name: string, args: readonly string[]) => {
    const started = startProcess(
      name,
      args.map((arg) => (arg.endsWith('.ts') ? join(root, arg) : arg)),
      join(directory, `${name}.log`),
    )
    processes.push(started)
    return started
  }

  writeConfigs(directory, kube, addresses)
  run('broker', ['broker/main.ts', '--config', join(directory, 'broker.json')])
  run('controller', ['custom-task/controller/main.ts', '--config', join(directory, 'controller.json')])
  run('deploy-api', [
    'test/fakes/protected-api-main.ts',
    '--port',
    new URL(addresses.api).port,
    '--issuer',
    addresses.issuer,
    '--audience',
    target,
    '--scope',
    'deploy:staging',
  ])
  const deadline = Date.now() + startTimeoutMs
  await Promise.all([
    waitUntilReady('broker', `${addresses.metrics}/readyz`, deadline),
    waitUntilReady('controller', `${addresses.controllerHealth}/readyz`, deadline),
    waitUntilReady('deploy-api', `${addresses.api}/healthz`, deadline),
  ])

  return {
    kube,
    tekton,
    directory,
    journal: join(directory, 'audit'),
    addresses,
    processes,
    async startSidecar(task) {
      const pod = join(directory, task.pod.metadata.name)
      const files = join(pod, 'tokenbroker')
      mkdirSync(files, { recursive: true })
      writeFileSync(join(pod, 'token'), task.projectedToken(addresses.issuer), { mode: 0o600 })
      writeFileSync(join(pod, 'sidecar.json'), JSON.stringify(sidecarConfig(addresses, join(pod, 'token'), files)))
      const started = run(`sidecar-${task.pod.metadata.name}`, [
        'custom-task/sidecar/main.ts',
        '--config',
        join(pod, 'sidecar.json'),
      ])
      await waitUntilReady('sidecar', `${addresses.sidecarHealth}/readyz`, Date.now() + startTimeoutMs)
      return { process: started, directory: files }
    },
    async end() {
      tekton.stop()
      await Promise.all(processes.map((one) => one.stop()))
      await kube.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function writeConfigs(directory: string, kube: FakeKube, addresses: Addresses): void {
  const at = (url: string) => ({ address: '127.0.0.1', port: Number(new URL(url).port) })
  const secret = { mode: 0o600 }
  for (const name of ['broker', 'controller']) {
    const kubeconfig = kube.kubeconfig({ namespace: system, serviceAccount: `tokenbroker-${name}` })
    writeFileSync(join(directory, `${name}-kubeconfig.json`), kubeconfig, secret)
  }
  const controllerPod = { namespace: system, serviceAccount: 'tokenbroker-controller', pod: 'tokenbroker-controller-0' }
  writeFileSync(
    join(directory, 'controller-token'),
    kube.projectToken({ ...controllerPod, audience: addresses.issuer }),
    secret,
  )
  const broker = {
    issuer: addresses.issuer,
    tokenUrl: addresses.token,
    listeners: { token: at(addresses.token), discovery: at(addresses.issuer), metrics: at(addresses.metrics) },
    clusters: [{ name: 'demo', issuer: kube.url, kubeconfig: join(directory, 'broker-kubeconfig.json') }],
    controller: { namespace: system, serviceAccount: 'tokenbroker-controller' },
    introspection: { callers: [{ namespace: 'deploy', serviceAccount: 'deploy-api', audiences: [target] }] },
    keys: { directory: join(directory, 'keys') },
    audit: { directory: join(directory, 'audit') },
  }
  const controller = {
    broker: { url: addresses.token, tokenFile: join(directory, 'controller-token') },
    kubeconfig: join(directory, 'controller-kubeconfig.json'),
    health: at(addresses.controllerHealth),
  }
  writeFileSync(join(directory, 'broker.json'), JSON.stringify(broker, undefined, 2))
  writeFileSync(join(directory, 'controller.json'), JSON.stringify(controller, undefined, 2))
}

function sidecarConfig(addresses: Addresses, tokenFile: string, directory: string): object {
  const { host: listen } = new URL(addresses.sidecar)
  const { host: health } = new URL(addresses.sidecarHealth)
  return {
    broker: { url: addresses.token, tokenFile },
    listen,
    health,
    steps: [{ directory, policies: ['deploy-staging'] }],
  }
}

/** Ports are chosen before the processes start, because the issuer's URL is part of every configuration. */
async function freeAddresses(): Promise<Addresses> {
  const servers = await Promise.all(
    Array.from({ length: 7 }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const [issuer = '', token = '', metrics = '', controllerHealth = '', sidecar = '', sidecarHealth = '', api = ''] =
    servers.map((server) => {
      const address = server.address()
      return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return { issuer, token, metrics, controllerHealth, sidecar, sidecarHealth, api }
}
