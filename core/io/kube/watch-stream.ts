import { BodyTooLarge, parseJson } from '../body.ts'
import type { KubeObject, WatchEvent } from './api.ts'
import { KubeUnreachable, kubeError } from './failure.ts'
import { isKubeObject, isRecord, tidyObject } from './objects.ts'

const kinds = { ADDED: 'added', MODIFIED: 'modified', DELETED: 'deleted' } as const

interface WatchOptions {
  readonly maxLineLength: number
  /** Default false. */
  readonly keepsManagedFields?: boolean | undefined
}

/**
 * Reads the events of a watch: one JSON document per line. Ends with the stream; half a line at its end is dropped, as
 * the watch that follows brings it again.
 *
 * @param call method and path, for error messages
 * @throws KubeError for an ERROR event, with reason `Expired` when the resource version is too old
 * @throws KubeUnreachable for anything that is no watch event
 */
export async function* watchEvents<T extends KubeObject>(
  body: AsyncIterable<Uint8Array>,
  call: string,
  { maxLineLength, keepsManagedFields = false }: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  for await (const line of lines(body, maxLineLength)) {
    if (line !== '') yield toEvent<T>(parseJson(line), call, keepsManagedFields)
  }
}

function toEvent<T extends KubeObject>(event: unknown, call: string, keepsManagedFields: boolean): WatchEvent<T> {
  if (!isRecord(event) || !isRecord(event['object']))
    throw new KubeUnreachable(`${call} sent something that is no event`)
  const { type, object } = event
  if (type === 'ERROR') {
    const code = object['code']
    throw kubeError(call, typeof code === 'number' ? code : 500, object)
  }
  const metadata = object['metadata']
  const resourceVersion = isRecord(metadata) ? metadata['resourceVersion'] : undefined
  if (typeof resourceVersion !== 'string') throw new KubeUnreachable(`${call} sent an object without a version`)
  if (type === 'BOOKMARK') return { kind: 'bookmark', resourceVersion }
  if ((type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') && isKubeObject(object)) {
    return { kind: kinds[type], object: tidyObject<T>(object, undefined, keepsManagedFields) }
  }
  throw new KubeUnreachable(`${call} sent an event that is not known`)
}

async function* lines(body: AsyncIterable<Uint8Array>, maxLength: number): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8')
  let rest = ''
  for await (const chunk of body) {
    const parts = decoder.decode(chunk, { stream: true }).split('\n')
    rest += parts[0] ?? ''
    for (const part of parts.slice(1)) {
      yield rest
      rest = part
    }
    if (rest.length > maxLength) throw new BodyTooLarge(maxLength)
  }
}
