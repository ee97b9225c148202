import type { ServerResponse } from 'node:http'
import type { KubeObject } from '../../../core/io/kube/api.ts'
import { matches, type RequestMatch } from './faults.ts'
import { jsonOf } from './json.ts'
import type { RequestInfo } from './request-info.ts'
import { type ApiResource, groupVersion } from './resources.ts'
import { type Predicate, parseSelectors } from './selectors.ts'
import { ApiError, badRequest, expired } from './status.ts'
import type { Change, Storage } from './storage.ts'

/** Open watches of all clients. */
export interface WatchHub {
  /** Answers a watch request; the stream goes on until the timeout, the client or a fault ends it. */
  open(info: RequestInfo, resource: ApiResource, response: ServerResponse): void
  /** Resets the connections of the watches that match, of all when nothing is given. */
  drop(match?: RequestMatch): void
  /** From now on open and new streams stay connected and say nothing, like a half-open connection. */
  silence(): void
  /** New streams speak again; the silenced ones stay mute until they are dropped. */
  speak(): void
  /** Sends a bookmark to every stream that allowed them. */
  bookmark(): void
  count(match?: RequestMatch): number
  /** How a watch from forgotten history is refused: in the stream (as kube-apiserver does) or as HTTP 410. */
  expireAs(form: 'event' | 'status'): void
  close(): void
}

interface Stream {
  readonly info: RequestInfo
  readonly allowsBookmarks: boolean
  readonly send: (type: string, object: object) => void
  readonly end: () => void
  readonly reset: () => void
  isMute: boolean
}

/** A client that does not read is cut off at this much unsent data, as the API server does with slow watchers. */
const maxBufferedBytes = 16 * 1024 * 1024

export interface WatchHubOptions {
  readonly bookmarkIntervalMs: number
}

export function createWatchHub(storage: Storage, { bookmarkIntervalMs }: WatchHubOptions): WatchHub {
  const streams = new Set<Stream>()
  let isSilent = false
  let expiredForm: 'event' | 'status' = 'event'
  const timer = setInterval(bookmark, bookmarkIntervalMs)
  timer.unref()

  function open(info: RequestInfo, resource: ApiResource, response: ServerResponse): void {
    const predicate = inScope(info, parseSelectors(info.query, resource.kind))
    const since = startVersion(info.query, storage.version())
    const backlog = since === undefined ? [] : storage.changesSince(resource, since)
    if (backlog === undefined && expiredForm === 'status') throw tooOld(since ?? 0)
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' })
    response.flushHeaders()
    const stream = createStream(info, response)
    if (backlog === undefined) {
      stream.send('ERROR', tooOld(since ?? 0).body())
      response.end()
      return
    }
    if (since === undefined) sendInitial(stream, resource, predicate)
    for (const change of backlog) forward(stream, change, predicate)
    keepOpen(stream, resource, predicate, response)
  }

  function createStream(info: RequestInfo, response: ServerResponse): Stream {
    const stream: Stream = {
      info,
      allowsBookmarks: info.query.get('allowWatchBookmarks') === 'true',
      isMute: isSilent,
      send(type, object) {
        if (stream.isMute || response.writableEnded || response.destroyed) return
        response.write(`{"type":"${type}","object":${jsonOf(object)}}\n`)
        if (response.writableLength > maxBufferedBytes) response.destroy()
      },
      end: () => response.end(),
      reset: () => response.socket?.resetAndDestroy(),
    }
    return stream
  }

  function keepOpen(stream: Stream, resource: ApiResource, predicate: Predicate, response: ServerResponse): void {
    const unsubscribe = storage.subscribe(resource, (change) => forward(stream, change, predicate))
    const seconds = timeoutSeconds(stream.info.query)
    const deadline = setTimeout(() => {
      sendBookmark(stream)
      stream.end()
    }, seconds * 1000)
    deadline.unref()
    streams.add(stream)
    response.on('close', () => {
      unsubscribe()
      clearTimeout(deadline)
      streams.delete(stream)
    })
  }

  function sendInitial(stream: Stream, resource: ApiResource, predicate: Predicate): void {
    for (const object of storage.list(resource, stream.info.namespace)) {
      if (predicate(object)) stream.send('ADDED', object)
    }
    if (stream.info.query.get('sendInitialEvents') !== 'true') return
    stream.send('BOOKMARK', bookmarkObject(resource, { annotations: { 'k8s.io/initial-events-end': 'true' } }))
  }

  function bookmarkObject(resource: ApiResource, metadata: object = {}): object {
    const resourceVersion = String(storage.version())
    return { kind: resource.kind, apiVersion: groupVersion(resource), metadata: { resourceVersion, ...metadata } }
  }

  function sendBookmark(stream: Stream): void {
    const { resource } = stream.info
    if (stream.allowsBookmarks && resource !== undefined) stream.send('BOOKMARK', bookmarkObject(resource))
  }

  function bookmark(): void {
    for (const stream of streams) sendBookmark(stream)
  }

  function selected(match: RequestMatch = {}): readonly Stream[] {
    return [...streams].filter((stream) => matches(match, stream.info))
  }

  return Object.freeze({
    open,
    drop(match) {
      for (const stream of selected(match)) stream.reset()
    },
    silence() {
      isSilent = true
      for (const stream of streams) stream.isMute = true
    },
    speak() {
      isSilent = false
    },
    bookmark,
    count: (match) => selected(match).length,
    expireAs(form) {
      expiredForm = form
    },
    close() {
      clearInterval(timer)
      for (const stream of streams) stream.end()
    },
  } satisfies WatchHub)
}

function timeoutSeconds(query: URLSearchParams): number {
  const text = query.get('timeoutSeconds') ?? '1800'
  return /^[1-9]\d{0,5}$/.test(text) ? Number(text) : 1800
}

function tooOld(version: number): ApiError {
  return expired(`too old resource version: ${version}`)
}

function inScope({ namespace }: RequestInfo, predicate: Predicate): Predicate {
  return (object) => (namespace === undefined || object.metadata.namespace === namespace) && predicate(object)
}

/** Where the watch starts; `undefined` means with everything that is there now. */
function startVersion(query: URLSearchParams, current: number): number | undefined {
  const text = query.get('resourceVersion') ?? ''
  if (query.get('sendInitialEvents') === 'true') {
    if (query.get('resourceVersionMatch') === 'NotOlderThan') return undefined
    throw badRequest('sendInitialEvents is forbidden unless resourceVersionMatch is NotOlderThan')
  }
  if (text === '' || text === '0') return undefined
  if (!/^\d+$/.test(text)) throw badRequest(`resourceVersion: Invalid value: "${text}"`)
  if (Number(text) <= current) return Number(text)
  throw new ApiError(504, 'Timeout', `Too large resource version: ${text}, current: ${current}`, {
    retryAfterSeconds: 1,
  })
}

/** An object that enters the selection is added to it, one that leaves is deleted from it. */
function forward(stream: Stream, change: Change, predicate: Predicate): void {
  const { type, object, previous } = change
  const wasIn = previous !== undefined && predicate(previous)
  const isIn = type !== 'DELETED' && predicate(object)
  if (isIn) stream.send(wasIn ? 'MODIFIED' : 'ADDED', object)
  else if (wasIn) stream.send('DELETED', type === 'DELETED' ? object : departed(object, previous))
}

function departed(object: KubeObject, previous: KubeObject): KubeObject {
  return { ...previous, metadata: { ...previous.metadata, resourceVersion: object.metadata.resourceVersion } }
}
