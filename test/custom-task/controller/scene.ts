import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHttpClient } from '../../../core/io/http-client.ts'
import { type KubeObject, type Resource, resources } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { createLog } from '../../../core/io/log.ts'
import { systemClock, systemDelay, systemRandom } from '../../../core/io/system.ts'
import { createUuidV7 } from '../../../core/io/uuid.ts'
import { Secret } from '../../../core/secret.ts'
import { createBrokerClient } from '../../../custom-task/broker-client.ts'
import { createTokenFile } from '../../../custom-task/broker-client-token-file.ts'
import { createController } from '../../../custom-task/controller/app.ts'
import { newSecretName } from '../../../custom-task/controller/secrets/secret-name.ts'
import { customRunObject, namespace, pipelineRunObject } from '../../core/tekton/objects.ts'
import { type FakeAnswer, type FakeBroker, startFakeBroker, type TakenRequest } from '../../fakes/broker.ts'
import { type FakeKube, startKube } from '../../fakes/kube/server.ts'

export const customRunRef = { namespace, name: 'release-token' }
export const pipelineRunRef = { namespace, name: 'release' }

interface Status {
  readonly conditions?: readonly { readonly status: string; readonly reason: string; readonly message: string }[]
  readonly [field: string]: unknown
}

/** An API server, a broker, and what Tekton would do with them. */
export interface World extends AsyncDisposable {
  readonly kube: FakeKube
  readonly broker: FakeBroker
  readonly tokenFile: string
  /** A PipelineRun whose pipeline has a TokenExchange, as Tekton writes it before it made children. */
  startRun(parts?: Parameters<typeof pipelineRunObject>[0]): KubeObject
  /** The CustomRun of the run, and the status that names it. */
  makeChild(parts?: Parameters<typeof customRunObject>[0]): KubeObject
  nameChild(): void
  customRun(): KubeObject & { readonly status?: Status }
  /** Resolves with the CustomRun as soon as the condition holds. */
  customRunWhen(isSo: (object: KubeObject & { readonly status?: Status }) => boolean): Promise<KubeObject>
  /** Resolves with the requests to the path as soon as there are so many. */
  brokerAsked(path: string, count: number): Promise<readonly TakenRequest[]>
  answerWith(
    answer: (request: TakenRequest, count: number) => FakeAnswer | undefined | Promise<FakeAnswer | undefined>,
  ): void
}

export const authorizedAnswer: FakeAnswer = {
  status: 200,
  body: {
    authorization_id: 'auth-1',
    expires_at: '2036-01-01T01:00:00Z',
    policy: 'deploy-staging',
    audience: 'https://deploy.example.com',
    scope: 'deploy:staging',
    exchange_id: 'ex-1',
  },
}

export const endedAnswer: FakeAnswer = { status: 200, body: {} }

export async function createWorld(): Promise<World> {
  const [kube, broker] = await Promise.all([startKube(), startFakeBroker()])
  const directory = await mkdtemp(join(tmpdir(), 'controller-'))
  const tokenFile = join(directory, 'token')
  await writeFile(tokenFile, 'own-token')
  const asked = new EventTarget()
  let runUid = ''

  const world: World = {
    kube,
    broker,
    tokenFile,
    startRun(parts = {}) {
      const status = { childReferences: [], pipelineSpec: undefined, ...parts.status }
      const manifest = pipelineRunObject({
        ...parts,
        metadata: { resourceVersion: undefined, ...parts.metadata },
        status,
      })
      const run = kube.objects.create(manifest)
      runUid = run.metadata.uid
      return run
    },
    makeChild(parts = {}) {
      const owner = { apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', name: 'release', uid: runUid, controller: true }
      const metadata = { resourceVersion: undefined, ownerReferences: [owner], ...parts.metadata }
      return kube.objects.create(customRunObject({ ...parts, metadata }))
    },
    nameChild() {
      const { childReferences, pipelineSpec } = pipelineRunObject().status
      kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, { childReferences, pipelineSpec })
    },
    customRun() {
      const found = kube.objects.get<KubeObject & { readonly status?: Status }>(resources.customRuns, customRunRef)
      if (found === undefined) throw new Error('the CustomRun is gone')
      return found
    },
    customRunWhen: (isSo) => objectWhen(kube, resources.customRuns, isSo as (object: KubeObject) => boolean),
    async brokerAsked(path, count) {
      const taken = () => broker.requests.filter((request) => request.path === path)
      while (taken().length < count) await once(asked, 'request')
      return taken()
    },
    answerWith(answer) {
      broker.answerWith((request, count) => {
        // After the fake has noted the request, so that a test that waits for it sees it.
        queueMicrotask(() => asked.dispatchEvent(new Event('request')))
        return request.path === '/runs/end' ? endedAnswer : answer(request, count)
      })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([kube.close(), broker.close(), rm(directory, { recursive: true })])
    },
  }
  world.answerWith(() => authorizedAnswer)
  return world
}

function objectWhen(kube: FakeKube, resource: Resource, isSo: (object: KubeObject) => boolean): Promise<KubeObject> {
  return new Promise((resolve) => {
    const end = kube.objects.watch(resource, (_, object) => {
      if (!isSo(object)) return
      end()
      resolve(object)
    })
    const now = kube.objects.list(resource).find(isSo)
    if (now === undefined) return
    end()
    resolve(now)
  })
}

export function conditionOf(object: KubeObject): string {
  const [condition] = (object.status as Status | undefined)?.conditions ?? []
  return condition === undefined ? 'nothing' : `${condition.status} ${condition.reason}`
}

export const isDone = (object: KubeObject) => /^(?:True|False)/.test(conditionOf(object))

/** Starts the controller in this process; stopped when the scope ends. */
export async function startController({ kube, broker, tokenFile }: World) {
  const log = createLog({ name: 'controller', level: 'silent' })
  const http = createHttpClient()
  const ownToken = createTokenFile(tokenFile)
  const client = createKubeClient({ credentials: { server: kube.url, token: new Secret(kube.adminToken) } })
  const controller = createController(
    {
      kube: client,
      broker: createBrokerClient({ url: broker.url, http, ownToken, clock: systemClock }),
      clock: systemClock,
      delay: systemDelay,
      random: systemRandom,
      newId: createUuidV7(systemClock),
      newSecretName: () => newSecretName(randomFillSync),
      log,
    },
    { namespace: undefined, concurrency: 8, secretDelivery: true, instance: 'test' },
  )
  await controller.start(new AbortController().signal)
  return {
    ...controller,
    async [Symbol.asyncDispose]() {
      await controller.stop(AbortSignal.timeout(5000))
      await Promise.all([client.close(), http.close()])
    },
  }
}
