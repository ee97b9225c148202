import type { KubeObject } from '../../../core/io/kube/api.ts'
import { conditions } from './shapes.ts'

/** Objects whose condition Ready is not True, each as `name: message`. */
export function notReady(objects: readonly KubeObject[]): readonly string[] {
  return objects.flatMap(({ metadata, status }) => {
    const ready = conditions.parse(status ?? {}).conditions.find(({ type }) => type === 'Ready')
    if (ready?.status === 'True') return []
    const name = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`
    return [`${name}: ${ready === undefined ? 'the broker has not looked at it' : ready.message}`]
  })
}

/** The first few, and how many there are. */
export function shortened(sentences: readonly string[]): string {
  const more = sentences.length - 3
  return `${sentences.slice(0, 3).join(' ')}${more > 0 ? ` And ${more} more.` : ''}`
}
