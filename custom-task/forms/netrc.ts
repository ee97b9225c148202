import type { Form } from '../form.ts'
import { basicUser, needsServer, serverOf } from './host.ts'

/**
 * A netrc file for the host in the audience. The format knows no port and no scheme.
 *
 * One word a line: curl up to 8.x reads lines of at most 4095 bytes.
 */
export const netrc = {
  file: {
    name: 'netrc',
    maxTokenBytes: 4000,
    render: ({ text, audience }) => {
      const host = serverOf(audience)?.hostname.replace(/^\[|\]$/g, '')
      return host && `machine ${host}\nlogin ${basicUser}\npassword ${text}\n`
    },
  },
  judge: ({ audience }) => (serverOf(audience) === undefined ? needsServer('netrc') : undefined),
  env: ({ directory }) => ({ NETRC: `${directory}/netrc` }),
} as const satisfies Form
