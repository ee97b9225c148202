import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import type { PublicDocument } from './document.ts'
import type { Issuer } from './issuer.ts'
import { wellKnownPaths } from './issuer-url.ts'

const securityHeaders = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
} as const

type Route = (response: Response) => void

/**
 * The discovery listener: keys and metadata of both issuers, public and read-only. It may stand on the internet while
 * the token endpoint stays in the cluster.
 *
 * @see RFC 8414 §3, OpenID Connect Discovery 1.0 §4
 */
export function createDiscoveryApp({ issuer }: { readonly issuer: Issuer }): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.enable('case sensitive routing')
  app.enable('strict routing')

  const routes = discoveryRoutes(issuer)
  app.use((request: Request, response: Response) => {
    response.set(securityHeaders)
    // Exact paths in a map: nothing of the issuer's path can be read as a pattern.
    const route = routes.get(request.path)
    if (route === undefined) return refuse(response, 404, 'not_found')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.set('Allow', 'GET, HEAD')
      return refuse(response, 405, 'method_not_allowed')
    }
    route(response)
  })
  app.use(answerFailure)
  return app
}

function discoveryRoutes(issuer: Issuer): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>()
  const serve = (paths: readonly string[], document: () => PublicDocument) => {
    for (const path of paths) routes.set(path, (response) => sendDocument(response, document()))
  }
  const { path } = issuer.url
  const federationPath = issuer.federationUrl.path
  serve([`${path}/jwks`], issuer.jwks)
  serve(wellKnownPaths('openid-configuration', path), issuer.discovery)
  serve(wellKnownPaths('oauth-authorization-server', path), issuer.authorizationServerMetadata)
  serve([`${federationPath}/jwks`], issuer.federationJwks)
  serve(wellKnownPaths('openid-configuration', federationPath), issuer.federationDiscovery)
  serve(wellKnownPaths('oauth-authorization-server', federationPath), issuer.federationDiscovery)
  for (const base of [path, federationPath]) routes.set(`${base}/authorization`, refuseAuthorization)
  return routes
}

function sendDocument(response: Response, { body, contentType, cacheControl }: PublicDocument): void {
  // Not `response.set`, which would add a charset that JSON media types do not have.
  response.writeHead(200, { 'Content-Type': contentType, 'Cache-Control': cacheControl, 'Content-Length': body.length })
  response.end(body)
}

/** No browser flow exists. @see RFC 6749 §4.1.2.1; without a redirect, since no client is registered */
function refuseAuthorization(response: Response): void {
  refuse(response, 400, 'unsupported_response_type')
}

function refuse(response: Response, status: number, error: string): void {
  response.status(status).set('Cache-Control', 'no-store').json({ error })
}

function answerFailure(_error: unknown, _request: Request, response: Response, _next: NextFunction): void {
  if (response.headersSent) response.destroy()
  else refuse(response, 500, 'server_error')
}
