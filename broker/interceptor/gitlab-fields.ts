import { z } from 'zod'
import { type EventFields, eventFields } from './event-fields.ts'

const project = z.looseObject({
  id: z.int(),
  path_with_namespace: z.string(),
  git_http_url: z.string().optional(),
  default_branch: z.string().nullish(),
})

const push = z.looseObject({
  object_kind: z.enum(['push', 'tag_push']),
  ref: z.string().startsWith('refs/'),
  before: z.string(),
  after: z.string(),
  project,
  user_username: z.string(),
})

const mergeRequest = z.looseObject({
  object_kind: z.literal('merge_request'),
  project,
  user: z.looseObject({ username: z.string() }),
  object_attributes: z.looseObject({
    iid: z.int(),
    action: z.string().optional(),
    oldrev: z.string().optional(),
    source_branch: z.string(),
    target_branch: z.string(),
    source_project_id: z.int(),
    target_project_id: z.int(),
    last_commit: z.looseObject({ id: z.string() }),
    state: z.string(),
    draft: z.boolean().optional(),
  }),
})

const release = z.looseObject({ object_kind: z.literal('release'), tag: z.string(), project, action: z.string() })

const other = z.looseObject({
  object_kind: z.string().regex(/^[a-z_]{1,64}$/),
  project: project.optional(),
  user: z.looseObject({ username: z.string() }).optional(),
})

/** GitHub's word for the same, so that one rule holds for both. */
const actions: Readonly<Record<string, string>> = {
  open: 'opened',
  reopen: 'reopened',
  close: 'closed',
  merge: 'closed',
  approved: 'approved',
}

/**
 * Fields of a GitLab event, with GitHub's names: a merge request is a `pull_request`, a pushed tag a `push`. The kind is
 * the body's own `object_kind`: the header is not signed.
 *
 * @returns undefined when the body has not the shape of what it calls itself
 */
export function gitlabFields(body: unknown): EventFields | undefined {
  const named = other.safeParse(body)
  if (!named.success) return undefined
  switch (named.data.object_kind) {
    case 'push':
    case 'tag_push':
      return readAs(push, body, pushFields)
    case 'merge_request':
      return readAs(mergeRequest, body, mergeRequestFields)
    case 'release':
      return readAs(release, body, (data) => ({
        kind: 'release',
        action: data.action,
        ref: `refs/tags/${data.tag}`,
        ...projectFields(data.project),
      }))
    default: {
      const { object_kind: kind, project: where, user } = named.data
      return eventFields({ kind, sender: user?.username, ...(where && projectFields(where)) })
    }
  }
}

function readAs<T>(
  schema: z.ZodType<T>,
  body: unknown,
  fields: (data: T) => Readonly<Record<string, unknown>>,
): EventFields | undefined {
  const parsed = schema.safeParse(body)
  return parsed.success ? eventFields(fields(parsed.data)) : undefined
}

function pushFields(data: z.output<typeof push>) {
  return {
    kind: 'push',
    ref: data.ref,
    baseSha: data.before,
    headSha: data.after,
    isDeleted: /^0+$/.test(data.after),
    sender: data.user_username,
    ...projectFields(data.project),
  }
}

function mergeRequestFields({ project: where, user, object_attributes: it }: z.output<typeof mergeRequest>) {
  // An update that brings commits names the revision before.
  const updated = it.oldrev === undefined ? 'edited' : 'synchronize'
  return {
    kind: 'pull_request',
    action: it.action === 'update' ? updated : (actions[it.action ?? ''] ?? it.action),
    number: it.iid,
    ref: `refs/merge-requests/${it.iid}/head`,
    headRef: `refs/heads/${it.source_branch}`,
    headSha: it.last_commit.id,
    baseRef: `refs/heads/${it.target_branch}`,
    isFork: it.source_project_id !== it.target_project_id,
    isMerged: it.state === 'merged',
    isDraft: it.draft,
    sender: user.username,
    ...projectFields(where),
  }
}

function projectFields(where: z.output<typeof project>) {
  return {
    repository: where.path_with_namespace,
    repositoryId: where.id,
    repositoryUrl: where.git_http_url,
    defaultBranch: where.default_branch,
  }
}
