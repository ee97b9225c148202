import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The floor: node:http that reads the body and answers a constant JSON of 1 KB. Argument: a Unix socket to serve too. */
const [socketPath] = process.argv.slice(2)
const body = Buffer.from(JSON.stringify({ access_token: 'x'.repeat(940), token_type: 'Bearer', expires_in: 300 }))
const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', 'Content-Length': body.byteLength }

const answer: RequestListener = (request, response) => {
  request.on('data', () => undefined)
  request.on('end', () => response.writeHead(200, headers).end(body))
}
if (socketPath !== undefined) createServer(answer).listen(socketPath)
const server = createServer(answer)
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ event: 'listening', port: (server.address() as AddressInfo).port })}\n`)
})
process.once('SIGTERM', () => process.exit(0))
