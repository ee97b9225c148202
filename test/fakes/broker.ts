import { hash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request that the fake broker took. */
export interface TakenRequest {
  readonly path: string
  readonly authorization: string | undefined
  readonly form: ReadonlyMap<string, string>
}

export interface FakeAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface FakeBroker {
  readonly url: string
  /** All but those to `/runs/live`, which come every second. */
  readonly requests: readonly TakenRequest[]
  /** What `/runs/live` lists, as the broker names runs; a test adds to it. `undefined` cuts the connection. */
  liveRuns: string[] | undefined
  /** Decides what is answered from now on; may wait. `undefined` cuts the connection. */
  answerWith(
    answer: (request: TakenRequest, count: number) => FakeAnswer | undefined | Promise<FakeAnswer | undefined>,
  ): void
  close(): Promise<void>
}

const exchangeParameters = new Set([
  'grant_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'policy',
  'audience',
  'scope',
  'requested_expiry',
])

/** A grant as the broker words it. */
export function granted(token: string, expiresIn: number, more: object = {}): FakeAnswer {
  return {
    status: 200,
    body: {
      access_token: token,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: expiresIn,
      scope: 'deploy:staging',
      exchange_id: `exchange-${hash('sha256', token).slice(0, 12)}`,
      ...more,
    },
  }
}

/** An error as the broker words it. */
export function refused(
  status: number,
  error: string,
  more: object = {},
  headers: Record<string, string> = {},
): FakeAnswer {
  const body = { error, error_description: `Mend ${error}`, exchange_id: 'exchange-refused', ...more }
  return { status, body, headers }
}

/** A broker's token listener on 127.0.0.1 that answers as told, and 400 to what the real one would not take. */
export async function startFakeBroker(): Promise<FakeBroker> {
  const requests: TakenRequest[] = []
  let answer: Parameters<FakeBroker['answerWith']>[0] = (_, count) => granted(`token-${count}`, 300)

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await readAll(request)
    const pairs = [...new URLSearchParams(text)]
    const taken: TakenRequest = {
      path: request.url ?? '',
      authorization: request.headers.authorization,
      form: new Map(pairs),
    }
    if (taken.path === '/runs/live') {
      answerLiveRuns(response, taken, broker.liveRuns)
      return
    }
    requests.push(taken)
    const wrong = judge(request, taken, pairs.length)
    const said =
      wrong === undefined
        ? await answer(taken, requests.length)
        : refused(400, 'invalid_request', { error_description: wrong })
    if (said === undefined) {
      response.destroy()
      return
    }
    response.writeHead(said.status, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...said.headers,
    })
    response.end(typeof said.body === 'string' ? said.body : JSON.stringify(said.body))
  }

  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const broker: FakeBroker = {
    url: `http://127.0.0.1:${port}`,
    requests,
    liveRuns: [],
    answerWith: (next) => {
      answer = next
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
  return broker
}

/** The cursor is the number of runs that were told. */
function answerLiveRuns(response: ServerResponse, { form }: TakenRequest, live: readonly string[] | undefined): void {
  if (live === undefined) {
    response.destroy()
    return
  }
  const after = Number(form.get('after')?.replace('fake.', '') ?? 0)
  const body = { runs: live.slice(after), next: `fake.${live.length}`, more: false }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function judge(request: IncomingMessage, { path, form }: TakenRequest, pairs: number): string | undefined {
  if (request.method !== 'POST') return 'not POST'
  if (request.headers['content-type'] !== 'application/x-www-form-urlencoded') return 'content type'
  if (form.size !== pairs) return 'repeated parameter'
  if (path !== '/token' && path !== '/authorize') return undefined
  if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:token-exchange') return 'grant type'
  if (!form.has('subject_token') || !form.has('subject_token_type')) return 'subject token'
  if (form.has('actor_token') !== form.has('actor_token_type')) return 'actor token'
  return [...form.keys()].every((name) => exchangeParameters.has(name)) ? undefined : 'unknown parameter'
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
