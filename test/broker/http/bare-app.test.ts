import type { Express, Request, Response } from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBareApp, sealApp } from '../../../broker/http/bare-app.ts'
import { send } from '../../../broker/http/send.ts'
import { type RunningServer, startServer } from '../../../core/io/http-server.ts'
import { Problem } from '../../../core/problem.ts'

const errors: Problem[] = []

/** An application with routes that end in every way. */
function exampleApp(): Express {
  const app = createBareApp()
  app.get('/named/:name', (_request: Request, response: Response) => {
    send(response, { status: 200, headers: {}, body: 'ok' })
  })
  app.get('/throws', () => {
    throw new TypeError('for nobody')
  })
  app.get('/rejects', async () => {
    throw new Problem('draining')
  })
  app.get('/status', () => {
    throw Object.assign(new Error('for nobody'), { status: 400 })
  })
  app.get('/text', () => {
    throw 'for nobody'
  })
  app.get('/late', (_request: Request, response: Response) => {
    send(response, { status: 200, headers: {}, body: 'sent' })
    throw new TypeError('too late')
  })
  app.get('/query', (request: Request, response: Response) => {
    send(response, { status: 200, headers: {}, body: JSON.stringify(request.query) })
  })
  return sealApp(app, (problem) => errors.push(problem))
}

let server: RunningServer
beforeAll(async () => {
  server = await startServer(exampleApp(), { address: '127.0.0.1', port: 0 })
})
afterAll(async () => await server.close(100))

async function get(path: string) {
  errors.length = 0
  const response = await fetch(`${server.url}${path}`)
  return { status: response.status, text: await response.text(), type: response.headers.get('content-type') }
}

describe('createBareApp', () => {
  it.each([
    ['/throws', 500, 'server_error', 'internal_error'],
    ['/rejects', 503, 'temporarily_unavailable', 'draining'],
    ['/status', 400, 'invalid_request', 'malformed_request'],
    ['/text', 500, 'server_error', 'internal_error'],
    ['/named/%ff', 400, 'invalid_request', 'malformed_request'],
    ['/named/%', 400, 'invalid_request', 'malformed_request'],
  ])('answers an error of %s as JSON without its text', async (path, status, error, reason) => {
    const answer = await get(path)

    expect(answer).toMatchObject({ status, type: 'application/json' })
    expect(JSON.parse(answer.text)).toMatchObject({ error })
    expect(answer.text).not.toContain('nobody')
    expect(errors.map((problem) => problem.reason)).toEqual([reason])
  })

  it.each(['/', '/Throws', '/throws/', '/named'])('knows no path %s', async (path) => {
    const { status, text } = await get(path)

    expect([status, JSON.parse(text)]).toEqual([404, { error: 'invalid_request', error_description: 'No such path' }])
  })

  it('answers once', async () => {
    expect(await get('/late')).toMatchObject({ status: 200, text: 'sent' })
    expect(errors).toHaveLength(1)
  })

  it('parses no query', async () => {
    expect(JSON.parse((await get('/query?a[b]=c')).text)).toEqual({})
  })
})
