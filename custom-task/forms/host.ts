const bareHost = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+(?::\d{1,5})?|:\d{1,5})$/i

/** A URL's host may hold quotes, dollars and brackets, which shells, the kubelet and readers of netrc take for their own. */
const plainHostname = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/

/**
 * The server that an audience names: an http or https URL, or a host with a dot or a port, which means https.
 *
 * @returns undefined for every other audience, such as `api://deploy` or a plain name
 */
export function serverOf(audience: string): URL | undefined {
  const url = URL.parse(bareHost.test(audience) ? `https://${audience}` : audience)
  const isServer = url !== null && /^https?:$/.test(url.protocol) && plainHostname.test(url.hostname)
  return isServer && url.username + url.password === '' ? url : undefined
}

/** Why a form that needs a server cannot be right. */
export function needsServer(form: string): string {
  return `form ${form} needs to know the server, and the audience is no https URL or host: name the server as the policy's audience`
}

/** What stands before the token in Basic authentication: GitLab takes this name only, GitHub and Gitea any. */
export const basicUser = 'oauth2'
