import type { Form } from '../form.ts'
import { basicUser, needsServer, serverOf } from './host.ts'

const file = 'git-credentials'

/**
 * A file of `git credential-store`, for the server in the audience alone. The settings are bound to that server, and the
 * first of them empties git's list of helpers for it: git tells every helper of a list what worked, and one that the
 * step or Tekton has set would write our token into the home directory, which steps share. Ours is told too, and would say
 * that the file system is read-only: hence the shell, which passes on questions alone.
 *
 * @see git-credential-store(1), gitcredentials(7); git 2.31 is the first to read `GIT_CONFIG_COUNT`
 */
export const git = {
  file: {
    name: file,
    render: ({ text, audience }) => {
      const server = serverOf(audience)
      return server && `${server.protocol}//${basicUser}:${encodeURIComponent(text)}@${server.host}\n`
    },
  },
  judge: ({ audience }) => (serverOf(audience) === undefined ? needsServer('git') : undefined),
  env: () => ({}),
  gitConfig: ({ directory }, { audience }) => {
    const server = serverOf(audience)
    if (server === undefined) return []
    const key = `credential.${server.origin}.helper`
    return [
      [key, ''],
      [key, `!f() { test "$1" != get || git credential-store --file ${directory}/${file} get; }; f`],
    ]
  },
} as const satisfies Form
