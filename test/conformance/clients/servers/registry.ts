import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { basicPassword, type IsValid } from '../tokens.ts'
import { type Place, serve } from './listen.ts'

const oci = 'application/vnd.oci.image'

export interface Registry {
  readonly url: string
  /** `<repository>:<tag>` of what was pushed. */
  readonly tags: ReadonlyMap<string, string>
  /** An image that is there already, with an empty layer. */
  seed(name: string): void
}

/**
 * A registry with a token server of its own, as the large ones have it: who shows a valid token as the password gets a
 * registry token for the repository that was asked for.
 *
 * @see https://distribution.github.io/distribution/spec/auth/token/, OCI distribution specification
 */
export async function startRegistry(isValid: IsValid, place?: Place): Promise<Registry> {
  const blobs = new Map<string, Buffer>()
  const manifests = new Map<string, { readonly type: string; readonly body: Buffer }>()
  const tags = new Map<string, string>()
  const sessions = new Map<string, string>()
  const uploads = new Map<string, Buffer>()

  async function login(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    if (!(await isValid(basicPassword(request.headers.authorization) ?? ''))) {
      response.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED"}]}')
      return
    }
    const token = randomUUID()
    sessions.set(token, query.get('scope')?.split(':')[1] ?? '')
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ token }))
  }

  function upload(
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
    repository: string,
    url: URL,
  ): void {
    const id = url.pathname.split('/').at(-1) || randomUUID()
    const location = `/v2/${repository}/blobs/uploads/${id}`
    const content = Buffer.concat([uploads.get(id) ?? Buffer.alloc(0), body])
    uploads.set(id, content)
    if (request.method !== 'PUT') {
      const range = `0-${Math.max(0, content.length - 1)}`
      response.writeHead(202, { location, range, 'docker-upload-uuid': id }).end()
      return
    }
    const digest = url.searchParams.get('digest') ?? ''
    if (digest !== digestOf(content)) {
      response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID"}]}')
      return
    }
    blobs.set(digest, content)
    response.writeHead(201, { location: `/v2/${repository}/blobs/${digest}` }).end()
  }

  function manifest(request: IncomingMessage, response: ServerResponse, body: Buffer, name: string): void {
    if (request.method === 'PUT') {
      const digest = digestOf(body)
      manifests.set(digest, { type: String(request.headers['content-type']), body })
      tags.set(name, digest)
      response.writeHead(201, { 'docker-content-digest': digest }).end()
      return
    }
    const found = manifests.get(tags.get(name) ?? '')
    if (found === undefined) response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
    else
      response
        .writeHead(200, { 'content-type': found.type, 'docker-content-digest': digestOf(found.body) })
        .end(found.body)
  }

  function blob(response: ServerResponse, digest: string): void {
    response.writeHead(blobs.has(digest) ? 200 : 404).end(blobs.get(digest))
  }

  /** The repository that the request may use; undefined: it has to log in. */
  function repositoryOf(request: IncomingMessage): string | undefined {
    return sessions.get(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '')
  }

  function answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const target = new URL(request.url ?? '/', url)
    if (target.pathname === '/auth') void login(request, response, target.searchParams)
    else serveRepository(request, response, body, target)
  }

  function serveRepository(request: IncomingMessage, response: ServerResponse, body: Buffer, target: URL): void {
    const [, repository = '', kind, rest = ''] = /^\/v2\/(.+)\/(blobs|manifests)\/(.+?)?$/.exec(target.pathname) ?? []
    const granted = repositoryOf(request)
    if (granted === undefined || (repository !== '' && granted !== repository)) {
      const scope = repository === '' ? '' : `,scope="repository:${repository}:pull,push"`
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${url}/auth",service="test"${scope}` }).end()
    } else if (kind === 'manifests') manifest(request, response, body, `${repository}:${rest}`)
    else if (rest.startsWith('uploads')) upload(request, response, body, repository, target)
    else if (kind === 'blobs') blob(response, rest)
    else response.writeHead(200).end('{}')
  }

  const url: string = await serve((request, response) => {
    void request.toArray().then((chunks: Buffer[]) => answer(request, response, Buffer.concat(chunks)))
  }, place)
  const json = (value: object) => Buffer.from(JSON.stringify(value))
  const keep = (mediaType: string, content: Buffer) => {
    blobs.set(digestOf(content), content)
    return { mediaType, digest: digestOf(content), size: content.length }
  }
  return {
    url,
    tags,
    seed(name) {
      const layer = keep(`${oci}.layer.v1.tar`, Buffer.alloc(1024))
      const rootfs = { type: 'layers', diff_ids: [layer.digest] }
      const config = keep(`${oci}.config.v1+json`, json({ architecture: 'amd64', os: 'linux', config: {}, rootfs }))
      const type = `${oci}.manifest.v1+json`
      const body = json({ schemaVersion: 2, mediaType: type, config, layers: [layer] })
      manifests.set(digestOf(body), { type, body })
      tags.set(name, digestOf(body))
    },
  }
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}
