import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { childEnvironment } from '../child-environment.ts'
import { startKube } from '../fakes/kube/server.ts'

let directory = ''

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tokenbroker-bundle-'))
  execFileSync(process.execPath, ['build/bundle.ts', 'task', '--outdir', directory], { env: childEnvironment() })
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('the bundle of the task image', () => {
  it('has no source of the Kubernetes library but what reads a kubeconfig', () => {
    const sizes = readdirSync(directory).map((file) => statSync(join(directory, file)).size)

    expect(Math.max(...sizes)).toBeLessThan(1_500_000)
  })

  it('reads a kubeconfig and reaches the cluster that it names', async () => {
    const kube = await startKube()
    onTestFinished(() => kube.close())
    const kubeconfig = join(directory, 'kubeconfig')
    writeFileSync(kubeconfig, kube.kubeconfig('admin'))

    const { output } = await runBundled('cli.mjs', ['doctor', '--kubeconfig', kubeconfig])

    expect(output).toContain(`ok    API server            Kubernetes `)
    expect(kube.requests().map(({ info, status }) => `${info.path} ${status}`)).toContain('/version 200')
  })

  it('has a sidecar that reads YAML, which it loads on demand', async () => {
    const config = join(directory, 'sidecar.yaml')
    writeFileSync(config, 'broker: {url: nonsense}\nsteps: []\n')

    const { code, output } = await runBundled('sidecar.mjs', ['--config', config])

    expect(code).toBe(1)
    expect(output).toContain('broker.url: ')
  })
})

async function runBundled(file: string, args: readonly string[]) {
  const child = spawn(process.execPath, [join(directory, file), ...args], { env: childEnvironment() })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const [code] = (await once(child, 'close')) as [number]
  return { code, output }
}
