import { spawn } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { basicPassword, type IsValid } from '../tokens.ts'
import { type Place, serve } from './listen.ts'

/** Git's own smart HTTP back-end behind a server that demands a valid token as the password. @returns its URL */
export function startGitServer(root: string, isValid: IsValid, place?: Place): Promise<string> {
  return serve((request, response) => {
    void letIn(request, isValid).then((isIn) => {
      if (isIn) backend(root, request, response)
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
    })
  }, place)
}

async function letIn(request: IncomingMessage, isValid: IsValid): Promise<boolean> {
  const token = basicPassword(request.headers.authorization)
  return token !== undefined && (await isValid(token))
}

/** @see git-http-backend(1), RFC 3875 */
function backend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://git')
  const { PATH = '' } = process.env
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: 'oauth2',
      REQUEST_METHOD: request.method,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
  })
  request.pipe(child.stdin)
  void child.stdout.toArray().then((chunks: Buffer[]) => {
    const answer = Buffer.concat(chunks)
    const end = answer.indexOf('\r\n\r\n')
    const fields = answer
      .subarray(0, end)
      .toString()
      .split('\r\n')
      .map((line) => line.split(': ', 2))
    const status = Number.parseInt(fields.find(([name]) => name === 'Status')?.[1] ?? '200', 10)
    const headers = fields
      .filter(([name]) => name !== 'Status')
      .flat()
      .map(String)
    response.writeHead(status, headers).end(answer.subarray(end + 4))
  })
}
