import { z } from 'zod'
import { type EventFields, eventFields } from './event-fields.ts'

const repository = z.looseObject({
  full_name: z.string(),
  clone_url: z.string().optional(),
  default_branch: z.string().optional(),
})

const base = z.looseObject({
  action: z.string().optional(),
  repository: repository.optional(),
  sender: z.looseObject({ login: z.string(), type: z.string().optional() }).optional(),
})

const side = z.looseObject({
  ref: z.string(),
  sha: z.string(),
  /** Null where the fork was deleted. */
  repo: z.looseObject({ full_name: z.string() }).nullable(),
})

/** The shape of a body that may call itself so: the header with the name of the event is not signed, the body is. */
const shapes = {
  push: z.looseObject({
    ref: z.string().startsWith('refs/'),
    before: z.string(),
    after: z.string(),
    deleted: z.boolean(),
    forced: z.boolean(),
    pusher: z.looseObject({}),
  }),
  pull_request: z.looseObject({
    number: z.int(),
    pull_request: z.looseObject({
      head: side,
      base: side,
      merged: z.boolean().optional(),
      draft: z.boolean().optional(),
    }),
  }),
  release: z.looseObject({ release: z.looseObject({ tag_name: z.string(), prerelease: z.boolean() }) }),
} as const

/**
 * Fields of a GitHub event. `ref` is what was pushed, or `refs/pull/<number>/head`: that of a pull request never looks
 * like a branch of the repository.
 *
 * @returns undefined when the body does not have the shape of an event of that name
 */
export function githubFields(kind: string | undefined, body: unknown): EventFields | undefined {
  const common = base.safeParse(body)
  if (kind === undefined || !/^[a-z_]{1,64}$/.test(kind) || !common.success) return undefined
  const special = specialFields(kind, body)
  if (special === undefined) return undefined
  const { action, repository: repo, sender } = common.data
  return eventFields({
    kind,
    action,
    repository: repo?.full_name,
    repositoryUrl: repo?.clone_url,
    defaultBranch: repo?.default_branch,
    sender: sender?.login,
    isBot: sender === undefined ? undefined : sender.type !== 'User',
    ...special,
  })
}

function specialFields(kind: string, body: unknown): Readonly<Record<string, unknown>> | undefined {
  switch (kind) {
    case 'push': {
      const { data } = shapes.push.safeParse(body)
      if (data === undefined) return undefined
      const { ref, before, after, deleted: isDeleted, forced: isForced } = data
      return { ref, baseSha: before, headSha: after, isDeleted, isForced }
    }
    case 'pull_request': {
      const { data } = shapes.pull_request.safeParse(body)
      return data === undefined ? undefined : pullRequestFields(data.number, data.pull_request)
    }
    case 'release': {
      const { data } = shapes.release.safeParse(body)
      if (data === undefined) return undefined
      return { ref: `refs/tags/${data.release.tag_name}`, isPrerelease: data.release.prerelease }
    }
    default:
      return {}
  }
}

function pullRequestFields(number: number, { head, base: target, merged, draft }: PullRequest) {
  return {
    number,
    ref: `refs/pull/${number}/head`,
    headRef: `refs/heads/${head.ref}`,
    headSha: head.sha,
    baseRef: `refs/heads/${target.ref}`,
    baseSha: target.sha,
    isFork: head.repo?.full_name !== target.repo?.full_name,
    isMerged: merged,
    isDraft: draft,
  }
}

type PullRequest = z.output<typeof shapes.pull_request>['pull_request']
