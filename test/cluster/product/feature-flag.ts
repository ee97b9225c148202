import { facts, kube } from '../harness/cluster.ts'
import { waitFor } from '../harness/wait.ts'

const path = '/api/v1/namespaces/tekton-pipelines/configmaps/feature-flags'
const flag = 'enable-kubernetes-sidecar'

/**
 * Makes Tekton run sidecars as native ones of Kubernetes (`true`) or as ordinary containers, and waits until it does.
 *
 * @returns the value before, to be put back
 */
export async function setNativeSidecars(value: string, namespace: string): Promise<string> {
  const before = await setFeature(flag, value)
  const isNative = value === 'true'
  await waitFor(
    `Tekton makes ${isNative ? 'native' : 'ordinary'} sidecars`,
    async () => (await makesNativeSidecars(namespace)) === isNative,
  )
  return before
}

/**
 * Sets one of Tekton's feature flags, which its processes take up a moment later.
 *
 * @returns the value before, to be put back
 */
export async function setFeature(name: string, value: string): Promise<string> {
  const client = await kube()
  const before: string = (await client.get(path))['data'][name] ?? 'false'
  await client.patch(path, { data: { [name]: value } })
  return before
}

/** Looks at the pod of a TaskRun made for this, and takes both away. */
async function makesNativeSidecars(namespace: string): Promise<boolean> {
  const client = await kube()
  const { busybox } = facts().images
  const probe = await client.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { generateName: 'probe-', namespace },
    spec: {
      taskSpec: {
        sidecars: [{ name: 'probe', image: busybox, args: ['true'] }],
        steps: [{ name: 'nothing', image: busybox, command: ['true'] }],
      },
    },
  })
  try {
    const containers = await waitFor('the probe has a pod', async () => {
      const { status } = await client.get(await client.pathOf(probe))
      const pod = status?.podName && (await client.find(`/api/v1/namespaces/${namespace}/pods/${status.podName}`))
      return pod?.spec.containers as readonly { readonly name: string }[] | undefined
    })
    return !containers.some(({ name }) => name === 'sidecar-probe')
  } finally {
    await client.delete(await client.pathOf(probe))
  }
}
