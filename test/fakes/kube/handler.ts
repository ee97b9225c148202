import type { IncomingMessage, ServerResponse } from 'node:http'
import type { KubeObject } from '../../../core/io/kube/api.ts'
import { sendText } from './answer.ts'
import type { UserInfo } from './authn.ts'
import type { Authorizer } from './authz-rbac.ts'
import { checkJsonType, readJson } from './body.ts'
import { documentAt } from './documents.ts'
import { effectiveUser } from './impersonation.ts'
import { jsonOf, textAt } from './json.ts'
import type { Lister } from './list.ts'
import { patchKind } from './patch.ts'
import { enforceProvenance } from './provenance-policy.ts'
import { checkFieldManager, type Registry, type Target, type WriteOptions } from './registry.ts'
import { attributesOf, type RequestInfo, refusal } from './request-info.ts'
import type { ApiResource } from './resources.ts'
import { answerReview, type ReviewDeps } from './reviews.ts'
import { parseSelectors } from './selectors.ts'
import { ApiError, badRequest, forbidden, notFound, pathNotFound } from './status.ts'
import type { Storage } from './storage.ts'
import { answerTokenRequest, type TokenRequestDeps } from './token-request.ts'
import type { WatchHub } from './watch.ts'

export interface HandlerDeps extends ReviewDeps, TokenRequestDeps {
  readonly storage: Storage
  readonly registry: Registry
  readonly authorizer: Authorizer
  readonly lister: Lister
  readonly watches: WatchHub
  /** Where clients reach the server; part of the discovery document. */
  readonly serverUrl: () => string
  /** Pods behind Services, for the proxy. */
  readonly proxied: (place: ProxiedPlace) => ProxiedAnswer | undefined
  /** What a webhook says of a pod to be created: its refusal, or undefined to let it through. */
  readonly judgePod: (pod: unknown) => string | undefined
}

/** A GET through `services/proxy`. */
export interface ProxiedPlace {
  readonly namespace: string
  /** As in the path: `https:name:port`. */
  readonly service: string
  readonly path: string
}

export interface ProxiedAnswer {
  readonly status: number
  readonly text: string
}

/** One authenticated request on its way to the answer. */
export interface Call {
  readonly info: RequestInfo
  readonly user: UserInfo
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

export type Handler = (call: Call) => Promise<void>

/** Authorises a request and carries it out. The returned function throws {@link ApiError} for every refusal. */
export function createHandler(deps: HandlerDeps): Handler {
  const { storage, registry, authorizer, lister, watches } = deps

  function authorize(user: UserInfo, info: RequestInfo, verb: string = info.verb): void {
    const attributes = { ...attributesOf(info), verb }
    if (authorizer.authorize(user, attributes).isAllowed) return
    const why = refusal(user.username, attributes)
    if (info.resource !== undefined) throw forbidden(info.resource, info.name, why)
    throw new ApiError(403, 'Forbidden', `forbidden: ${why}`, {})
  }

  async function onResource(call: Call, resource: ApiResource): Promise<void> {
    const { info, request, response } = call
    if (resource.isReview) return onReview(call, resource)
    if (info.subresource !== '') return onSubresource(call, resource)
    if (resource.isNamespaced && info.namespace === undefined && !['list', 'watch'].includes(info.verb)) {
      throw pathNotFound()
    }
    const target: Target = { resource, namespace: info.namespace, name: info.name }
    switch (info.verb) {
      case 'get':
        return sendObject(response, 200, existing(target))
      case 'list':
        return sendText(response, 200, lister.list(info, resource))
      case 'watch':
        return watches.open(info, resource, response)
      case 'create':
        if (info.name !== '') throw methodNotAllowed()
        checkJsonType(request)
        return onCreate(call, target)
      case 'delete':
        return onDelete(call, target)
      case 'deletecollection':
        return onDeleteCollection(call, target)
      default:
        return onWrite(call, target)
    }
  }

  async function onCreate({ info, request, response }: Call, target: Target): Promise<void> {
    const body = await readJson(request)
    const refusal = target.resource.plural === 'pods' ? deps.judgePod(body) : undefined
    if (refusal !== undefined) throw badRequest(refusal)
    enforceProvenance(storage, target.resource, body)
    sendObject(response, 201, registry.create(target, body, writeOptions(info)))
  }

  /** @see https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/ */
  function onProxy({ info, response }: Call): void {
    const path = info.subresource.slice('proxy'.length)
    const answer = deps.proxied({ namespace: info.namespace ?? '', service: info.name, path })
    if (answer === undefined) {
      throw new ApiError(503, 'ServiceUnavailable', `no endpoints available for service "${info.name}"`, {})
    }
    sendText(response, answer.status, answer.text)
  }

  function existing({ resource, namespace, name }: Target): KubeObject {
    const object = storage.get(resource, namespace, name)
    if (object === undefined) throw notFound(resource, name)
    return object
  }

  async function onSubresource(call: Call, resource: ApiResource): Promise<void> {
    const { info, request, response } = call
    const target: Target = { resource, namespace: info.namespace, name: info.name }
    if (resource.plural === 'services' && info.subresource.startsWith('proxy/')) return onProxy(call)
    if (info.subresource === 'status' && resource.hasStatus) {
      return info.verb === 'get' ? sendObject(response, 200, existing(target)) : onWrite(call, target)
    }
    if (info.subresource !== 'token' || resource.plural !== 'serviceaccounts') throw pathNotFound()
    if (info.verb !== 'create') throw methodNotAllowed()
    checkJsonType(request)
    const place = { namespace: info.namespace ?? '', serviceAccount: info.name }
    return sendText(response, 201, JSON.stringify(answerTokenRequest(deps, place, await readJson(request))))
  }

  async function onReview({ info, user, request, response }: Call, resource: ApiResource): Promise<void> {
    if (info.verb !== 'create') throw methodNotAllowed()
    checkJsonType(request)
    const body = await readJson(request)
    const answer = answerReview(deps, { resource, namespace: info.namespace, body, user })
    sendText(response, 201, JSON.stringify(answer))
  }

  /** PUT and PATCH, of the object or of its status. */
  async function onWrite({ info, user, request, response }: Call, target: Target): Promise<void> {
    if (info.name === '') throw methodNotAllowed()
    const options = writeOptions(info)
    if (info.verb === 'update') {
      checkJsonType(request)
      return sendObject(response, 200, registry.update(target, await readJson(request), options))
    }
    if (info.verb !== 'patch') throw methodNotAllowed()
    const kind = patchKind(request.headers['content-type'])
    checkFieldManager(target, kind, info.query.get('fieldManager'))
    const isNew = storage.get(target.resource, target.namespace, target.name) === undefined
    if (kind === 'apply' && isNew) authorize(user, info, 'create')
    const object = registry.patch(target, kind, await readJson(request), options)
    sendObject(response, kind === 'apply' && isNew ? 201 : 200, object)
  }

  async function onDelete({ info, request, response }: Call, target: Target): Promise<void> {
    checkJsonType(request)
    const body = await readJson(request)
    const uid = textAt(body, 'preconditions', 'uid')
    const resourceVersion = textAt(body, 'preconditions', 'resourceVersion')
    const { object, isGone } = registry.delete(target, {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      isDryRun: info.query.get('dryRun') === 'All',
    })
    if (!isGone) return sendObject(response, 200, object)
    const { group, plural: kind } = target.resource
    const details = { name: target.name, ...(group === '' ? {} : { group }), kind, uid: object.metadata.uid }
    sendText(
      response,
      200,
      JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }),
    )
  }

  async function onDeleteCollection({ info, request, response }: Call, { resource, namespace }: Target): Promise<void> {
    checkJsonType(request)
    await readJson(request)
    if (resource.isNamespaced && namespace === undefined) throw methodNotAllowed()
    const predicate = parseSelectors(info.query, resource.kind)
    for (const { metadata } of storage.list(resource, namespace).filter(predicate)) {
      registry.delete({ resource, namespace, name: metadata.name })
    }
    sendText(response, 200, JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' }))
  }

  function onPath({ info, request, response }: Call): void {
    if (info.method !== 'GET') throw methodNotAllowed()
    if (info.path === '/openid/v1/jwks') requireAccepted(request.headers.accept, 'application/jwk-set+json')
    const document = documentAt(info.path, { issuer: deps.issuer, serverUrl: deps.serverUrl() })
    if (document === undefined) throw pathNotFound()
    sendText(response, 200, document.text, document.headers)
  }

  return async (asked) => {
    const call = { ...asked, user: effectiveUser(asked.user, asked.request.headers, authorizer) }
    authorize(call.user, call.info)
    if (call.info.resource !== undefined) return onResource(call, call.info.resource)
    return onPath(call)
  }
}

function sendObject(response: ServerResponse, status: number, object: KubeObject): void {
  sendText(response, status, jsonOf(object))
}

function methodNotAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
}

function writeOptions({ subresource, query }: RequestInfo): WriteOptions {
  return {
    isStatusWrite: subresource === 'status',
    isDryRun: query.get('dryRun') === 'All',
    isStrict: query.get('fieldValidation') === 'Strict',
  }
}

/** kube-apiserver answers 406 to a client that names types, and not this one. */
function requireAccepted(accept: string | undefined, type: string): void {
  const accepted = accept?.split(',').map((one) => one.split(';')[0]?.trim()) ?? []
  if (accepted.length > 0 && !accepted.includes('*/*') && !accepted.includes(type)) {
    throw new ApiError(406, 'NotAcceptable', `only the following media types are accepted: ${type}`)
  }
}
