import { createHmac, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { interceptorConfig } from '../../../broker/interceptor/config.ts'
import { createEventBook, type EventBook } from '../../../broker/interceptor/event-book.ts'
import { createIntercept } from '../../../broker/interceptor/intercept.ts'
import { type Delivery, parseInterceptorRequest } from '../../../broker/interceptor/interceptor-request.ts'
import { createSenders } from '../../../broker/interceptor/senders.ts'
import type { AuditEntry, AuditRecord, Receipt } from '../../../core/audit/event.ts'
import type { Clock } from '../../../core/clock.ts'
import { Problem } from '../../../core/problem.ts'

/** What a webhook sends. */
export interface Message {
  readonly body: string
  readonly header: Readonly<Record<string, readonly string[]>>
}

export const eventId = '5f1c6f1e-8d6e-4f0e-9c66-1f1d6bb0b6a1'

/** A push to main as GitHub sends it, in short. */
export function pushBody(more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    ref: 'refs/heads/main',
    before: '6113728f27ae82c7b1a177c8d03f9e96e0adf246',
    after: '9d1f0a6d4b8e1ad6a1a9a4a7a6a0a7c6b1d2e3f4',
    deleted: false,
    forced: false,
    pusher: { name: 'octocat' },
    repository: {
      full_name: 'acme/shop',
      clone_url: 'https://github.com/acme/shop.git',
      default_branch: 'main',
    },
    sender: { login: 'octocat', type: 'User' },
    ...more,
  })
}

/** A pull request as GitHub sends it, in short. */
export function githubPullRequest(head: object = {}) {
  const repo = { full_name: 'acme/shop' }
  return {
    action: 'opened',
    number: 7,
    pull_request: {
      head: { ref: 'main', sha: 'aaa', repo, ...head },
      base: { ref: 'main', sha: 'bbb', repo },
      merged: false,
      draft: true,
    },
    repository: { full_name: 'acme/shop' },
    sender: { login: 'dependabot[bot]', type: 'Bot' },
  }
}

export const githubRelease = { action: 'published', release: { tag_name: 'v1', prerelease: false } }

export const gitlabProject = {
  id: 15,
  path_with_namespace: 'acme/shop',
  git_http_url: 'https://gitlab.example.com/acme/shop.git',
  default_branch: 'main',
}

/** A push as GitLab sends it, in short. */
export const gitlabPush = {
  object_kind: 'push',
  ref: 'refs/heads/main',
  before: '95790bf891e76fee5e1747ab589903a6a1f80f22',
  after: 'da1560886d4f094c3e6c9ef40349f7d38b5d27d7',
  user_username: 'jsmith',
  project: gitlabProject,
}

/** A merge request as GitLab sends it, in short. */
export function gitlabMergeRequest(attributes: object = {}) {
  return {
    object_kind: 'merge_request',
    user: { username: 'jsmith' },
    project: gitlabProject,
    object_attributes: {
      iid: 7,
      action: 'open',
      source_branch: 'main',
      target_branch: 'main',
      source_project_id: 16,
      target_project_id: 15,
      last_commit: { id: 'aaa' },
      state: 'opened',
      draft: false,
      ...attributes,
    },
  }
}

/** What Tekton's sink makes of a message. */
export function interceptorRequest(
  { body, header }: Message,
  { eventId: event_id = eventId, triggerId: trigger_id = 'namespaces/ci/triggers/push', params = {} } = {},
) {
  const context = { event_url: 'http://el-github.ci.svc.cluster.local:8080/', event_id, trigger_id }
  return { body, header, extensions: {}, interceptor_params: params, context }
}

export function delivery(message: Message, more: Parameters<typeof interceptorRequest>[1] = {}): Delivery {
  const parsed = parseInterceptorRequest(interceptorRequest(message, more))
  if (parsed === undefined) throw new TypeError('not what a sink sends')
  return parsed
}

export function hmacOf(secret: string | Buffer, content: string, algorithm = 'sha256'): Buffer {
  return createHmac(algorithm, secret).update(content).digest()
}

/** The interceptor with one sender, GitHub for trigger ci/push, whose journal is a list. */
export async function startInterceptor({ clock }: { readonly clock: Clock }) {
  const secretDirectory = await mkdtemp(join(tmpdir(), 'sender-'))
  const secret = randomBytes(24).toString('hex')
  await writeFile(join(secretDirectory, 'secret'), `${secret}\n`)
  const config = interceptorConfig.parse({
    senders: [
      {
        name: 'acme',
        kind: 'github',
        secretDirectory,
        triggers: [{ namespace: 'ci', name: 'push', eventListener: { name: 'github' }, runNamespaces: ['payments'] }],
        loginMap: { octocat: 'alice@example.com' },
      },
    ],
  })
  const entries: AuditEntry[] = []
  const disk = { isBroken: false }
  const errors: unknown[] = []
  const book = createEventBook({ clock, cluster: 'main', senders: config.senders })
  const journal = {
    async append(entry: AuditEntry) {
      if (disk.isBroken) throw new Problem('audit_unavailable')
      entries.push(entry)
      book.apply(recordOf(entry))
      return {} as Receipt
    },
  }
  const senders = createSenders(config, { clock, onError: (error) => errors.push(error) })
  const intercept = createIntercept({ senders, book, journal, clock, onError: (error) => errors.push(error) })
  return {
    config,
    secret,
    secretDirectory,
    entries,
    errors,
    disk,
    book: book as EventBook,
    signed: (kind: string, body: string, key = secret): Message => ({
      body,
      header: { 'X-Github-Event': [kind], 'X-Hub-Signature-256': [`sha256=${hmacOf(key, body).toString('hex')}`] },
    }),
    intercept: async (message: Message, more: Parameters<typeof interceptorRequest>[1] = {}) =>
      await intercept(delivery(message, more)),
    [Symbol.asyncDispose]: async () => await rm(secretDirectory, { recursive: true, force: true }),
  }
}

/** As much of a journal's record as a projection looks at. */
export function recordOf({ type, subject, time, data }: AuditEntry): AuditRecord {
  return { type, subject, time: time.toISOString(), data } as AuditRecord
}
