import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'

const main = 'test/fakes/protected-api-main.ts'

describe('protected-api-main', () => {
  it('says where it listens, answers, and stops on SIGTERM', async () => {
    const args = [
      '--issuer',
      'http://127.0.0.1:9',
      '--audience',
      'https://deploy.example.com',
      '--scope',
      'deploy:staging',
    ]
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    const { url } = JSON.parse(line) as { readonly url: string }
    const health = await fetch(`${url}/healthz`)
    const rollout = await fetch(`${url}/rollouts`, { method: 'POST', headers: { authorization: 'Bearer a.b.c' } })
    child.kill('SIGTERM')

    expect([health.status, rollout.status]).toEqual([200, 503])
    expect(await exited).toEqual([0, null])
  })

  it('prints its usage and exits 2 when something is missing', async () => {
    const child = spawn(process.execPath, [main, '--issuer', 'http://127.0.0.1:9'], { stdio: 'ignore' })

    expect(await once(child, 'exit')).toEqual([2, null])
  })
})
