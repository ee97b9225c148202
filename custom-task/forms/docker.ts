import type { Form } from '../form.ts'
import { basicUser, needsServer, serverOf } from './host.ts'

/** Registries that want another name before an access token. */
const users: readonly (readonly [host: RegExp, user: string])[] = [
  [/(?:^|\.)gcr\.io$|\.pkg\.dev$/, 'oauth2accesstoken'],
  [/^quay\.io$/, '$oauthtoken'],
]

/** Registries that take no OAuth access token, but one that their own API makes of it. */
const exchanging: readonly (readonly [host: RegExp, mend: string])[] = [
  [/\.azurecr\.io$/, 'use form azure and let the tool log in to the registry'],
  [
    /\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$|^public\.ecr\.aws$/,
    'use form aws and the helper of the registry',
  ],
]

const dockerHub: readonly string[] = ['docker.io', 'index.docker.io', 'registry-1.docker.io']

/**
 * A static `config.json`, which Docker, BuildKit, Kaniko, Skopeo, Buildah, Podman and crane read. The token is the
 * password of Basic authentication, towards the registry or the token server that it names.
 */
export const docker = {
  file: {
    name: 'config.json',
    render: ({ text, audience }) => {
      const host = serverOf(audience)?.host
      if (host === undefined) return undefined
      const auth = Buffer.from(`${userOf(host)}:${text}`).toString('base64')
      return `${JSON.stringify({ auths: { [keyOf(host)]: { auth } } }, undefined, 2)}\n`
    },
  },
  judge: ({ audience }) => {
    const host = serverOf(audience)?.hostname
    if (host === undefined) return needsServer('docker')
    const mend = exchanging.find(([pattern]) => pattern.test(host))?.[1]
    return mend && `registry ${host} takes no access token in a config.json: ${mend}`
  },
  env: ({ directory }) => ({ DOCKER_CONFIG: directory, REGISTRY_AUTH_FILE: `${directory}/config.json` }),
} as const satisfies Form

function userOf(host: string): string {
  return users.find(([pattern]) => pattern.test(host))?.[1] ?? basicUser
}

/** Docker Hub has kept the key of its first version. */
function keyOf(host: string): string {
  return dockerHub.includes(host) ? 'https://index.docker.io/v1/' : host
}
