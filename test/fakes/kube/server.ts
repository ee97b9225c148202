import { randomBytes } from 'node:crypto'
import type { Clock } from '../../../core/clock.ts'
import { type Certificate, selfSignedCertificate } from '../certificate.ts'
import { createAuthenticator } from './authn.ts'
import { createAuthorizer } from './authz-rbac.ts'
import { bootstrap } from './bootstrap.ts'
import { createFaultPlan, type FaultPlan, type RequestMatch } from './faults.ts'
import { createFront, type Front, type SeenRequest } from './front.ts'
import { startGarbageCollector } from './garbage.ts'
import { createHandler, type HandlerDeps } from './handler.ts'
import { kubeconfigText } from './kubeconfig.ts'
import { createLister } from './list.ts'
import { createListener, type Listener } from './listener.ts'
import { createObjects, type Objects } from './objects.ts'
import { createRegistry } from './registry.ts'
import { createStorage } from './storage.ts'
import { createSigningKey, createTokenIssuer, type SigningKey, type TokenIssuer } from './token.ts'
import { boundClaims } from './token-request.ts'
import { createWatchHub, type WatchHub } from './watch.ts'

export interface KubeOptions {
  /** Creation and deletion times, and the life of tokens. Default: the system's. */
  readonly clock?: Clock
  /** ServiceAccount issuer; default the server's URL. */
  readonly issuer?: string
  /** Default 0: any free port. */
  readonly port?: number
  /** Serves https instead of http, which kubectl insists on before it sends a token. True: a certificate of its own. */
  readonly tls?: true | Certificate
  /** Changes kept per kind for watches to catch up with. Default 10,000. */
  readonly historySize?: number
  /** Default 60,000. */
  readonly bookmarkIntervalMs?: number
  /** Default true, as kube-apiserver's. */
  readonly allowsAnonymous?: boolean
  /** Collect objects whose owners never existed. Default false. */
  readonly collectsDangling?: boolean
  /** Name of the one node. Default `node1`. */
  readonly node?: string
  /** Answers of pods behind Services. Default: no Service has endpoints. */
  readonly proxied?: HandlerDeps['proxied']
  /** A webhook's say on pods that are created. Default: there is none. */
  readonly judgePod?: HandlerDeps['judgePod']
}

export interface TokenOptions {
  readonly namespace: string
  readonly serviceAccount: string
  /** Default 3600, at least 600. */
  readonly expirationSeconds?: number
}

export interface ProjectedTokenOptions extends TokenOptions {
  /** Name of the pod that the token is bound to; its ServiceAccount must be the same. */
  readonly pod: string
  readonly audience: string
}

/** What can go wrong with the server, at a test's word. */
export interface Faults extends Pick<FaultPlan, 'next'> {
  /** Resets open watches. */
  dropWatches(match?: RequestMatch): void
  /** Open and new watches stay connected and say nothing. */
  silenceWatches(): void
  /** New watches speak again. */
  speak(): void
  /** Forgets the history: older watches and `continue` tokens are answered 410 from now on. */
  compact(): void
  expireAs: WatchHub['expireAs']
  /** Stops listening and resets every connection; objects stay. */
  stopListening(): Promise<void>
  /** Listens again, on the same port. */
  listenAgain(): Promise<void>
  /** Takes back every planned fault. */
  clear(): void
}

/** An embedded Kubernetes API server, with its controller manager's garbage collector. */
export interface FakeKube {
  readonly url: string
  readonly port: number
  readonly clock: Clock
  readonly issuer: TokenIssuer
  /** Of a user in `system:masters`. */
  readonly adminToken: string
  /** PEM, with TLS. */
  readonly ca: string | undefined
  readonly objects: Objects
  readonly faults: Faults
  /** JSON text of a kubeconfig. */
  kubeconfig(user: 'admin' | TokenOptions): string
  /** A pod's projected token. @throws ApiError as the API server refuses the request */
  projectToken(options: ProjectedTokenOptions): string
  /** A ServiceAccount's token for the API server itself, bound to nothing. Life 24 h by default. */
  serviceAccountToken(options: TokenOptions): string
  rotateServiceAccountKey(options?: { readonly dropsOld?: boolean }): Promise<SigningKey>
  /** Requests so far, oldest first. */
  requests(match?: RequestMatch): readonly SeenRequest[]
  forgetRequests(): void
  openWatches(match?: RequestMatch): number
  bookmark(): void
  /** Resolves when the garbage collector has nothing left to do. */
  idle(): Promise<void>
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const dayLong = 24 * 3600

/** Starts an API server on 127.0.0.1 with a fresh, small cluster in memory. */
export async function startKube(options: KubeOptions = {}): Promise<FakeKube> {
  const clock = options.clock ?? (() => new Date())
  const tls = options.tls === true ? await selfSignedCertificate() : options.tls
  let front: Front | undefined
  const listener = createListener(
    (request, response) => (front === undefined ? response.destroy() : front.onRequest(request, response)),
    options.port ?? 0,
    tls,
  )
  const [key] = await Promise.all([createSigningKey(), listener.open()])
  const issuer = createTokenIssuer(options.issuer ?? listener.url(), key, clock)
  const parts = assemble(options, { clock, issuer, serverUrl: listener.url })
  front = parts.front
  return fakeKube({ ...parts, front, issuer, listener, clock, ca: tls?.ca })
}

interface Seat {
  readonly clock: Clock
  readonly issuer: TokenIssuer
  readonly serverUrl: () => string
}

function assemble(options: KubeOptions, { clock, issuer, serverUrl }: Seat) {
  const adminToken = randomBytes(32).toString('base64url')
  const storage = createStorage(options.historySize ?? 10_000)
  const registry = createRegistry({ storage, clock })
  const garbage = startGarbageCollector(storage, registry, { collectsDangling: options.collectsDangling ?? false })
  bootstrap(registry, options.node ?? 'node1')
  const watches = createWatchHub(storage, { bookmarkIntervalMs: options.bookmarkIntervalMs ?? 60_000 })
  const lister = createLister(storage)
  const plan = createFaultPlan()
  const authenticator = createAuthenticator({ storage, clock, issuer, adminToken })
  const authorizer = createAuthorizer(storage)
  const { proxied = () => undefined, judgePod = () => undefined } = options
  const inner = { storage, registry, authenticator, authorizer, lister, watches }
  const deps = { ...inner, issuer, serverUrl, proxied, judgePod }
  const allowsAnonymous = options.allowsAnonymous ?? true
  const front = createFront({ authenticator, handler: createHandler(deps), faults: plan, allowsAnonymous })
  return { adminToken, storage, garbage, watches, lister, plan, front, objects: createObjects(storage, registry) }
}

type Parts = ReturnType<typeof assemble> & {
  readonly issuer: TokenIssuer
  readonly listener: Listener
  readonly clock: Clock
  readonly ca: string | undefined
}

function faultsOf({ storage, lister, watches, plan, listener }: Parts): Faults {
  return Object.freeze({
    next: plan.next,
    dropWatches: watches.drop,
    silenceWatches: watches.silence,
    speak: watches.speak,
    compact() {
      storage.compact()
      lister.expire()
    },
    expireAs: watches.expireAs,
    stopListening: listener.shut,
    listenAgain: listener.open,
    clear: plan.clear,
  } satisfies Faults)
}

function fakeKube(parts: Parts): FakeKube {
  const { adminToken, storage, issuer, listener, watches, front, garbage, ca } = parts

  async function close(): Promise<void> {
    watches.close()
    garbage.stop()
    await listener.shut()
  }

  function serviceAccountToken({ namespace, serviceAccount, expirationSeconds = dayLong }: TokenOptions): string {
    return issuer.sign(boundClaims({ storage, issuer }, { namespace, serviceAccount, expirationSeconds }))
  }

  return Object.freeze({
    url: listener.url(),
    port: listener.port(),
    clock: parts.clock,
    issuer,
    adminToken,
    ca,
    objects: parts.objects,
    faults: faultsOf(parts),
    kubeconfig(user) {
      const isAdmin = user === 'admin'
      return kubeconfigText({
        serverUrl: listener.url(),
        user: isAdmin ? 'admin' : user.serviceAccount,
        token: isAdmin ? adminToken : serviceAccountToken(user),
        ...(isAdmin ? {} : { namespace: user.namespace }),
        ca,
      })
    },
    projectToken({ pod, audience, ...request }) {
      const bound = { ...request, pod: { name: pod }, audiences: [audience] }
      return issuer.sign(boundClaims({ storage, issuer }, bound))
    },
    serviceAccountToken,
    rotateServiceAccountKey: issuer.rotate,
    requests: front.seen,
    forgetRequests: front.forget,
    openWatches: watches.count,
    bookmark: watches.bookmark,
    idle: garbage.idle,
    close,
    [Symbol.asyncDispose]: close,
  } satisfies FakeKube)
}
