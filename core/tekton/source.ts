import type { Source } from '../identity/run.ts'
import type { Param } from './fields.ts'
import type { Provenance } from './provenance.ts'
import { hostOfUri, normalSourceUri, shownSourceUri } from './source-uri.ts'

/** What a run asked a resolver for. */
export interface Reference {
  readonly resolver?: string | undefined
  readonly params: readonly Param[]
}

/** Where a text came from, or why that is not known; `local`: nobody fetched it. */
export type SourceFinding =
  | { readonly kind: 'found'; readonly source: Source }
  | { readonly kind: 'local' | 'unknown'; readonly source?: undefined; readonly why: string }

/** Written in the run, or stored in the cluster under a name. */
export const localText: SourceFinding = {
  kind: 'local',
  why: 'it is written in the run or stored in the cluster',
}

const maxUri = 512
const maxRevision = 256

/**
 * Where a Pipeline or Task came from: what Tekton recorded that its resolver fetched, held against what the run asked
 * for. The revision is the one that was asked for, as the record of what was fetched knows commits only.
 *
 * With a server of its own (`serverURL`) a run has that server say where a repository lives, so its answer counts for
 * that host only, and only where it is the host itself that answers.
 *
 * @param params of the reference, substituted
 */
export function findSource({ resolver, params }: Reference, found: Provenance): SourceFinding {
  if (!resolver) return localText
  const { uri, digest, entryPoint } = found?.refSource ?? {}
  if (!uri) return unknown('Tekton recorded no provenance of it')
  const shown = shownSourceUri(uri)
  if (shown.length > maxUri || (entryPoint ?? '').length > maxUri) return unknown('its provenance is too long')

  const asked = new Map(params.map(({ name, value }) => [name, typeof value === 'string' ? value : '']))
  const server = asked.get('serverURL')
  if (server && hostOfUri(server) !== hostOfUri(shown)) {
    return unknown('the run names a server of its own, which says that it is of another host')
  }
  if (server && !isWholeHost(server)) {
    return unknown('the run names a path of a server, below which anybody may have put files')
  }
  const url = asked.get('url')
  if (url && shown.startsWith('git+') && normalSourceUri(`git+${url}`) !== normalSourceUri(uri)) {
    return unknown('another repository was fetched than the run asked for')
  }
  const revision = askedRevision(shown, asked)
  const commit = digestOf(digest)
  if (revision && isOtherCommit(revision, commit)) {
    return unknown('another commit was fetched than the run asked for')
  }
  return { kind: 'found', source: { uri: shown, digest: commit, entryPoint: entryPoint || undefined, revision } }
}

/** Hosts serve files of everybody (raw files, releases): below such a path they would answer what its owner wants. */
function isWholeHost(server: string): boolean {
  return /^https:\/\/[^/?#@]+\/?(?:api\/v[0-9]+\/?)?$/i.test(server.trim())
}

function unknown(why: string): SourceFinding {
  return { kind: 'unknown', why }
}

/** Only a fetch from Git knows revisions; other resolvers would pass over a param of that name. */
function askedRevision(uri: string, asked: ReadonlyMap<string, string>): string | undefined {
  const revision = uri.startsWith('git+') ? asked.get('revision') : undefined
  return !revision || revision.includes('$(') || revision.length > maxRevision ? undefined : revision
}

function digestOf(digest: Readonly<Record<string, string>> | undefined): string | undefined {
  const algorithms = Object.keys(digest ?? {}).sort()
  const chosen = ['sha256', 'sha1'].find((one) => algorithms.includes(one)) ?? algorithms[0]
  const value = chosen === undefined ? undefined : digest?.[chosen]
  return value && /^[0-9A-Za-z+/=_-]{1,128}$/.test(value) ? `${chosen}:${value}`.slice(0, 160) : undefined
}

function isOtherCommit(revision: string, digest: string | undefined): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(revision) && digest?.split(':')[1] !== revision.toLowerCase()
}
