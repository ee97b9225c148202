import { type ApiResource, groupVersion, served } from './resources.ts'

function resourceEntries(resource: ApiResource): readonly object[] {
  const { plural, singular, kind, isNamespaced: namespaced, shortNames } = resource
  const verbs = resource.isReview
    ? ['create']
    : ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
  const names = shortNames.length === 0 ? {} : { shortNames }
  const main = { name: plural, singularName: singular, namespaced, kind, verbs, ...names }
  const status = { name: `${plural}/status`, singularName: '', namespaced, kind, verbs: ['get', 'patch', 'update'] }
  return resource.hasStatus ? [main, status] : [main]
}

function groups(): readonly string[] {
  return [...new Set(served.map(({ group }) => group).filter((group) => group !== ''))]
}

function groupEntry(name: string): object {
  const own = served.filter(({ group }) => group === name).map(groupVersion)
  const versions = [...new Set(own)].map((text) => ({ groupVersion: text, version: text.split('/')[1] ?? text }))
  return { name, versions, preferredVersion: versions[0] }
}

function resourceList(apiVersion: string): object | undefined {
  const own = served.filter((resource) => groupVersion(resource) === apiVersion)
  if (own.length === 0) return undefined
  const resources = own.flatMap(resourceEntries)
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersion, resources }
}

/** What `GET /api`, `/apis` and the paths below answer; `undefined` where there is nothing. */
export function discoveryDocument(path: string): object | undefined {
  const parts = path.split('/').filter((part) => part !== '')
  const [root, ...rest] = parts
  if (root === 'api') {
    if (rest.length > 0) return resourceList(rest.join('/'))
    return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }
  }
  if (root !== 'apis') return undefined
  if (rest.length === 0) return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups().map(groupEntry) }
  if (rest.length > 1) return resourceList(rest.join('/'))
  const [name = ''] = rest
  return groups().includes(name) ? { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(name) } : undefined
}

/** The version that the fake says it is; its token claims and TokenReview answers are those of this release. */
export const version = {
  major: '1',
  minor: '35',
  gitVersion: 'v1.35.0',
  gitCommit: '0000000000000000000000000000000000000000',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'go1.25',
  compiler: 'gc',
  platform: 'linux/amd64',
}
