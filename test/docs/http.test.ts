import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ExampleBroker, startExampleBroker } from '../../docs/generate/example-broker.ts'
import { createPod } from '../broker/identity/identity-fixture.ts'
import {
  createCustomRun,
  createPipelineRun,
  createTaskRun,
  ownedBy,
  succeeded,
} from '../broker/identity/run-fixture.ts'
import { system } from '../demo/cluster-objects.ts'
import { fill, learn, readExamples } from './http-example.ts'

const namespace = 'payments'
let broker: ExampleBroker
const values = new Map<string, string>()

beforeAll(async () => {
  broker = await startExampleBroker()
  const { kube } = broker
  const run = createPipelineRun(kube, 'release-7')
  const taskRun = createTaskRun(kube, 'release-7-deploy', { metadata: ownedBy(run) })
  createPod(kube, 'release-7-deploy-pod', { metadata: ownedBy(taskRun) })
  const ended = createPipelineRun(kube, 'release-6', { status: { conditions: succeeded } })
  values.set('pod token', broker.tokenOf(namespace, 'release-7-deploy-pod', 'deployer'))
  values.set('controller token', broker.tokenOf(system, 'tokenbroker-controller-0', 'tokenbroker-controller'))
  values.set('api token', broker.tokenOf('deploy', 'deploy-api-0', 'deploy-api'))
  values.set('custom run uid', createCustomRun(kube, run).metadata.uid)
  values.set('run uid', run.metadata.uid)
  values.set('ended run uid', ended.metadata.uid)
})
afterAll(async () => await broker[Symbol.asyncDispose]())

describe('docs/reference/http.md', () => {
  it.each(readExamples('docs/reference/http.md').map((example, index) => ({ index: index + 1, ...example })))(
    'shows what $method $path answers (example $index)',
    async ({ method, path, headers, parameters, answer }) => {
      const response = await broker.request(path, {
        method,
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, fill(value, values)])),
        body: new URLSearchParams(parameters.map(([name, value]) => [name, fill(value, values)])).toString(),
      })
      const body: unknown = await response.json()
      learn(answer.body, body, values)

      expect(body).toEqual(JSON.parse(fill(JSON.stringify(answer.body), values)))
      expect(response.status).toBe(answer.status)
      for (const [name, value] of Object.entries(answer.headers)) expect(response.headers.get(name)).toBe(value)
    },
  )
})
