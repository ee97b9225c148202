import { kube } from '../harness/cluster.ts'
import { release } from './names.ts'

interface ApiResource {
  readonly name: string
  readonly verbs: readonly string[]
}

/** Every object of any kind that has the release's label, as `<plural> [<namespace>/]<name>`. */
export async function leftovers(): Promise<readonly string[]> {
  const client = await kube()
  const { groups } = await client.get<{ groups: readonly { preferredVersion: { groupVersion: string } }[] }>('/apis')
  const roots = ['/api/v1', ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)]
  const found: string[] = []
  for (const root of roots) {
    const { resources } = await client.get<{ resources: readonly ApiResource[] }>(root)
    for (const { name, verbs } of resources) {
      if (!verbs.includes('list') || name.includes('/')) continue
      const objects = await client.list(`${root}/${name}`, { labelSelector: `app.kubernetes.io/instance=${release}` })
      for (const { metadata } of objects) {
        found.push(`${name} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`)
      }
    }
  }
  return found.toSorted()
}
