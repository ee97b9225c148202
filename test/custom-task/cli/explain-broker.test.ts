import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Broker, startBroker, startRun } from '../../broker/http/whole-app.ts'
import { namespace } from '../../broker/identity/identity-fixture.ts'
import { commandLine, temporaryDirectory } from './command-line.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(async () => await broker[Symbol.asyncDispose]())

/** Asks the broker as the pod of a run that goes on, or with any other token. */
async function explain(args: readonly string[], token = startRun(broker.kube).token) {
  const file = join(await temporaryDirectory(), 'token')
  await writeFile(file, token)
  const place = ['--url', broker.server.url, '--token-file', file]
  return await commandLine(['explain', ...place, ...args], { clock: broker.world.clock })
}

describe('explain --url', () => {
  it('says what the broker would decide for this pod, and grants nothing', async () => {
    const { code, out, notes } = await explain(['--policy', 'deploy-staging', '-o', 'json'])

    expect([code, notes]).toEqual([0, ''])
    expect(JSON.parse(out)).toMatchObject({ decision: 'allow', candidates: [{ policy: 'deploy-staging' }] })
    expect(out).not.toContain('access_token')
    const granted = (await broker.records()).filter(({ data }) => data.outcome === 'granted')
    expect(granted).toEqual([])
  })

  it('says no with its own exit code, for a scope that the policy does not give', async () => {
    const { code, out } = await explain(['--policy', 'deploy-staging', '--scope', 'deploy:everything'])

    expect(JSON.parse(out)).toMatchObject({ decision: 'deny' })
    expect(code).toBe(3)
  })

  it('says for whom the token is that the broker does not take, and nothing else of it', async () => {
    const pod = startRun(broker.kube).pod.metadata.name
    const audience = 'https://other.example.com'
    const token = broker.kube.projectToken({ namespace, pod, serviceAccount: 'deployer', audience })

    const { code, out, notes } = await explain(['--policy', 'deploy-staging'], token)

    expect([code, out]).toEqual([3, ''])
    expect(notes).toContain(`The token that was shown is for ${audience}.`)
    expect(notes).not.toContain(token.split('.')[2])
  })

  it('says that nothing answers, with the exit code for that', async () => {
    const file = join(await temporaryDirectory(), 'token')
    await writeFile(file, startRun(broker.kube).token)
    const place = ['--url', 'http://127.0.0.1:1', '--token-file', file]

    const { code, out } = await commandLine(['explain', ...place, '--policy', 'deploy-staging'], {
      clock: broker.world.clock,
    })

    expect([code, out]).toEqual([5, ''])
  })
})
