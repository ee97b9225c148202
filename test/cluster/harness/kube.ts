import { createInterface } from 'node:readline'
import { Agent, request } from 'undici'
import { parseAllDocuments } from 'yaml'
import { type Login, readKubeconfig } from './kubeconfig.ts'

export interface ObjectMeta {
  readonly name?: string
  readonly generateName?: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/** Any object of the API. `spec` and `status` stay open: a test knows what it asks for. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into objects of many kinds; a cast per field would hide more than it shows
  readonly spec?: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly status?: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly [field: string]: any
}

/** An answer of the API server other than success. */
export class KubeError extends Error {
  override readonly name = 'KubeError'
  readonly status: number
  readonly reason: string

  constructor(status: number, call: string, body: { message?: string; reason?: string }) {
    super(`${call}: ${status} ${body.message ?? body.reason ?? 'without a message'}`)
    this.status = status
    this.reason = body.reason ?? ''
  }
}

export interface CallOptions {
  readonly query?: Readonly<Record<string, string>>
  readonly contentType?: string
  /** Speaks as the holder of this token instead of the kubeconfig's user; the empty string means as nobody. */
  readonly token?: string
  /** Speaks for this user, whom the kubeconfig's may impersonate. */
  readonly as?: { readonly username: string; readonly uid?: string; readonly groups?: readonly string[] }
}

interface Resource {
  readonly name: string
  readonly kind: string
  readonly namespaced: boolean
}

/** A small client of the Kubernetes API for tests: plain paths, JSON in, JSON out. */
export class Kube {
  readonly #login: Login
  readonly #agent: Agent
  readonly #anonymousAgent: Agent
  readonly #resources = new Map<string, readonly Resource[]>()

  private constructor(login: Login) {
    this.#login = login
    const ca = login.authority
    // By HTTP/2 undici joins several values of one header by commas, and the API server takes them for one group.
    const allowH2 = false
    this.#agent = new Agent({ connect: { ca, cert: login.certificate, key: login.key }, bodyTimeout: 0, allowH2 })
    this.#anonymousAgent = new Agent({ connect: { ca }, allowH2 })
  }

  static async connect(kubeconfig: string): Promise<Kube> {
    return new Kube(await readKubeconfig(kubeconfig))
  }

  async close(): Promise<void> {
    await Promise.all([this.#agent.destroy(), this.#anonymousAgent.destroy()])
  }

  get<T = KubeObject>(path: string, options?: CallOptions): Promise<T> {
    return this.call<T>('GET', path, undefined, options)
  }

  /** The object, or nothing when there is none. */
  async find<T = KubeObject>(path: string): Promise<T | undefined> {
    try {
      return await this.get<T>(path)
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return undefined
      throw error
    }
  }

  async list<T = KubeObject>(path: string, query: Readonly<Record<string, string>> = {}): Promise<readonly T[]> {
    return (await this.get<{ items: readonly T[] }>(path, { query })).items
  }

  post<T = KubeObject>(path: string, body: unknown, options?: CallOptions): Promise<T> {
    return this.call<T>('POST', path, body, options)
  }

  /** A merge patch. */
  patch<T = KubeObject>(path: string, body: unknown, options?: CallOptions): Promise<T> {
    return this.call<T>('PATCH', path, body, { contentType: 'application/merge-patch+json', ...options })
  }

  async delete(path: string, options?: CallOptions): Promise<void> {
    await this.call('DELETE', path, undefined, options)
  }

  /** Creates an object at the place its kind and namespace say; `generateName` works. */
  async create<T extends KubeObject = KubeObject>(object: KubeObject, options?: CallOptions): Promise<T> {
    return this.post<T>(await this.pathOf(object, false), object, options)
  }

  /** Server-side apply of objects, or of a YAML text with any number of them, in their order, in the name of `fieldManager`. */
  async apply(documents: string | readonly KubeObject[], fieldManager = 'test'): Promise<readonly KubeObject[]> {
    const applied: KubeObject[] = []
    for (const object of typeof documents === 'string' ? readObjects(documents) : documents) {
      const options = { contentType: 'application/apply-patch+yaml', query: { fieldManager, force: 'true' } }
      applied.push(await this.call<KubeObject>('PATCH', await this.pathOf(object), object, options))
    }
    return applied
  }

  /** Where an object (or, without `named`, its collection) lives in the API. */
  async pathOf(object: KubeObject, named = true): Promise<string> {
    const root = object.apiVersion.includes('/') ? `/apis/${object.apiVersion}` : `/api/${object.apiVersion}`
    const resource = await this.#resource(root, object.kind)
    const namespace = resource.namespaced ? `/namespaces/${object.metadata.namespace ?? 'default'}` : ''
    return `${root}${namespace}/${resource.name}${named ? `/${object.metadata.name}` : ''}`
  }

  /** The body of an answer as text, for logs and JWKS-like endpoints. */
  async text(path: string, options: CallOptions = {}): Promise<string> {
    const answer = await this.#send('GET', path, undefined, options)
    return answer.body.text()
  }

  /** Calls `onEvent` for each change under a collection until the signal is aborted or the server ends the watch. */
  async watch<T = KubeObject>(
    path: string,
    onEvent: (event: { readonly type: string; readonly object: T }) => void,
    signal: AbortSignal,
    query: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    try {
      const answer = await this.#send('GET', path, undefined, { query: { ...query, watch: 'true' } }, signal)
      for await (const line of createInterface({ input: answer.body })) if (line) onEvent(JSON.parse(line))
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async call<T = unknown>(method: string, path: string, body: unknown, options: CallOptions = {}): Promise<T> {
    const answer = await this.#send(method, path, body, options)
    return (await answer.body.json()) as T
  }

  async #send(method: string, path: string, body: unknown, options: CallOptions, signal?: AbortSignal) {
    const token = options.token ?? this.#login.token
    const answer = await request(new URL(path, this.#login.server), {
      method: method as 'GET',
      dispatcher: options.token === undefined ? this.#agent : this.#anonymousAgent,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(options.as && { 'impersonate-user': options.as.username }),
        ...(options.as?.uid && { 'impersonate-uid': options.as.uid }),
        ...(options.as?.groups && { 'impersonate-group': [...options.as.groups] }),
        ...(body === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      ...(options.query ? { query: options.query } : {}),
      ...(signal ? { signal } : {}),
    })
    if (answer.statusCode < 300) return answer
    const text = await answer.body.text()
    throw new KubeError(answer.statusCode, `${method} ${path}`, parseFailure(text))
  }

  async #resource(root: string, kind: string): Promise<Resource> {
    const find = async (): Promise<Resource | undefined> => {
      const { resources } = await this.get<{ resources: readonly Resource[] }>(root)
      this.#resources.set(root, resources)
      return resources.find((resource) => resource.kind === kind && !resource.name.includes('/'))
    }
    const known = this.#resources.get(root)?.find((resource) => resource.kind === kind && !resource.name.includes('/'))
    const resource = known ?? (await find())
    if (!resource) throw new Error(`the cluster has no ${kind} under ${root}`)
    return resource
  }
}

/** The objects of a YAML text. */
export function readObjects(yaml: string): readonly KubeObject[] {
  const objects: KubeObject[] = []
  for (const document of parseAllDocuments(yaml)) {
    if ('errors' in document && document.errors[0]) throw document.errors[0]
    const object: KubeObject | null = document.toJS()
    if (object) objects.push(object)
  }
  return objects
}

function parseFailure(text: string): { message?: string; reason?: string } {
  try {
    return JSON.parse(text)
  } catch {
    return { message: text.slice(0, 300) }
  }
}
