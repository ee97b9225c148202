import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { startProtectedApi } from './protected-api.ts'

const usage =
  'usage: protected-api-main.ts --issuer URL --audience URI --scope SCOPE [--address IP] [--port N] [--ca FILE] [--introspect URL --introspect-token FILE]'

/** The protected API as a process of its own: `POST /rollouts` needs the scope, `GET /healthz` nothing. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      address: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '0' },
      issuer: { type: 'string' },
      audience: { type: 'string' },
      scope: { type: 'string' },
      ca: { type: 'string' },
      introspect: { type: 'string' },
      'introspect-token': { type: 'string' },
    },
  })
  const { issuer, audience, scope, introspect } = values
  const tokenFile = values['introspect-token']
  const port = Number(values.port)
  const isComplete = issuer !== undefined && audience !== undefined && scope !== undefined
  if (!isComplete || !Number.isInteger(port) || (introspect === undefined) !== (tokenFile === undefined)) {
    process.stderr.write(`${usage}\n`)
    process.exitCode = 2
    return
  }
  const bearer = async () => (await readFile(tokenFile ?? '', 'utf8')).trim()
  const api = await startProtectedApi({
    address: values.address,
    port,
    issuer,
    audience,
    scopes: { 'POST /rollouts': scope },
    ca: values.ca === undefined ? undefined : await readFile(values.ca, 'utf8'),
    introspection: introspect === undefined ? undefined : { url: introspect, bearer },
  })
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: api.url })}\n`)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void api.close())
}

await main()
