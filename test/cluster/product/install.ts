import { randomUUID } from 'node:crypto'
import { chown, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { apply, facts, kube } from '../harness/cluster.ts'
import type { KubeObject } from '../harness/kube.ts'
import { describeNamespace } from '../harness/pods.ts'
import { waitFor } from '../harness/wait.ts'
import { chart, helm } from './helm.ts'
import { keyOfValues, lastInstallation, noteInstallation } from './installation-note.ts'
import { release, system, target } from './names.ts'
import { untilReachable } from './reachable.ts'

/** The installed product. */
export interface Product {
  /** Certificate authorities of its listeners, PEM. */
  readonly authority: string
  /** The same as a file. */
  readonly authorityFile: string
  readonly brokerPod: () => Promise<string>
  readonly controllerPod: () => Promise<string>
}

export interface ProductOptions {
  /** Offers deliver: secret, and lets the provider `builtin` take part. Default false. */
  readonly secrets?: boolean
  /** More values of the chart, over those for this cluster. */
  readonly values?: object
}

const storageClass = 'tokenbroker-data'

/**
 * Installs the chart as a user would, with the images of this repository. What another test file installed with the same
 * options stays as it is, if its pods are the ones that came of it; else every pod starts anew.
 *
 * @returns when its Services lead to it
 */
export async function installProduct(options: ProductOptions = {}): Promise<Product> {
  const key = keyOfValues(await productValues('any', options))
  const last = await lastInstallation(facts())
  if (last?.key !== key || !sameList(last.pods, await podsOfProduct())) {
    await install(options)
    await noteInstallation(facts(), { key, pods: await podsOfProduct() })
  }
  const authority = await authorityOf(system)
  const authorityFile = join(await mkdtemp(join(tmpdir(), 'authority-')), 'ca.crt')
  await writeFile(authorityFile, authority)
  await untilReachable()
  return {
    authority,
    authorityFile,
    brokerPod: () => readyPod('broker'),
    controllerPod: () => readyPod('controller'),
  }
}

async function install(options: ProductOptions): Promise<void> {
  // Pod Security refuses whatever is not restricted.
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' }
  await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: system, labels } }])
  if (facts().pki !== null) await provideVolume()
  const waiting = ['--namespace', system, '--wait', '--timeout', '3m']
  await helm(['upgrade', '--install', release, chart, ...waiting], await productValues(randomUUID(), options)).catch(
    async (error: Error) => {
      throw new Error(`${error.message}\n${await describeNamespace(system)}`)
    },
  )
}

/** UID and restarts of each pod that stays, and whether it is ready. */
async function podsOfProduct(): Promise<readonly string[]> {
  const pods = await (await kube()).list(`/api/v1/namespaces/${system}/pods`, {
    labelSelector: `app.kubernetes.io/instance=${release},app.kubernetes.io/component`,
  })
  return pods
    .filter((pod) => pod.metadata['deletionTimestamp'] === undefined)
    .map((pod) => {
      const restarts = (pod.status?.containerStatuses ?? []).map((one: { restartCount: number }) => one.restartCount)
      return `${pod.metadata.uid} ${restarts} ${isReady(pod)}`
    })
    .toSorted()
}

function sameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, at) => text === other[at])
}

/** Makes the API server know our kinds; in the name of helm, which would else find them to be somebody else's. */
export async function applyDefinitions(): Promise<void> {
  for (const file of await readdir(join(chart, 'crds')))
    await apply(await readFile(join(chart, 'crds', file), 'utf8'), 'helm')
}

/**
 * Values for this cluster, with the images of this repository.
 *
 * @param installation pods of another one are replaced, as an image may be new under its old name
 */
export async function productValues(installation: string, { secrets = false, values = {} }: ProductOptions = {}) {
  const { images, pki } = facts()
  if (images.broker === null || images.task === null) throw new Error('the product images are missing')
  const caller = { namespace: system, serviceAccount: `${release}-controller`, audiences: [target] }
  const podAnnotations = { installation }
  return {
    images: { broker: imageValues(images.broker), task: imageValues(images.task) },
    cluster: { name: 'rig' },
    issuer: { audiences: [target], scopes: ['deploy:staging', 'deploy:production'], secretDelivery: secrets },
    secretDelivery: { enabled: secrets },
    broker: {
      introspectionCallers: [caller],
      podAnnotations,
      persistence: pki === null ? {} : { storageClass },
    },
    controller: { podAnnotations },
    webhook: { podAnnotations },
    ...values,
  }
}

function imageValues(reference: string): object {
  const colon = reference.lastIndexOf(':')
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) }
}

/** A volume of the node for the claim of the broker, as the rig has nothing that would make one. */
async function provideVolume(): Promise<void> {
  const path = join(facts().logs, 'broker-data')
  await mkdir(path, { recursive: true })
  // a volume of a storage class would come with the group of the pod
  await chown(path, 65_532, 65_532)
  const volume = `/api/v1/persistentvolumes/${storageClass}`
  const client = await kube()
  const bound = (await client.find(volume))?.spec.claimRef
  const claimPath = `/api/v1/namespaces/${system}/persistentvolumeclaims/data-${release}-0`
  const claim = await waitFor('no claim is on its way out', async () => {
    const found = await client.find(claimPath)
    return found?.metadata['deletionTimestamp'] === undefined ? { uid: found?.metadata.uid } : undefined
  })
  if (bound !== undefined && bound.uid !== claim.uid) {
    // A volume keeps to its claim, also to one that is gone: nobody else would ever get it.
    await client.delete(volume)
    await waitFor('the volume of the former claim is gone', async () => (await client.find(volume)) === undefined)
  }
  await apply([
    {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: storageClass },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        storageClassName: storageClass,
        hostPath: { path },
      },
    },
  ])
}

/** The authorities that the product published. */
async function authorityOf(namespace: string): Promise<string> {
  return await waitFor('the authorities are published', async () => {
    const configMap = await (await kube()).get(`/api/v1/namespaces/${namespace}/configmaps/${release}-ca`)
    return configMap['data']?.['ca.crt'] as string | undefined
  })
}

/** Name of the ready pod of a component. */
async function readyPod(component: 'broker' | 'controller'): Promise<string> {
  return await waitFor(`the ${component} is ready`, async () => {
    const pods = await (await kube()).list(`/api/v1/namespaces/${system}/pods`, {
      labelSelector: `app.kubernetes.io/instance=${release},app.kubernetes.io/component=${component}`,
    })
    return pods.find((pod) => isReady(pod) && pod.metadata['deletionTimestamp'] === undefined)?.metadata.name
  })
}

function isReady(pod: KubeObject): boolean {
  const conditions: readonly { type: string; status: string }[] = pod.status?.conditions ?? []
  return conditions.some((one) => one.type === 'Ready' && one.status === 'True')
}
