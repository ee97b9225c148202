import { readFile } from 'node:fs/promises'
import { decodeJwt } from 'jose'
import { z } from 'zod'
import { type Command, CommandFailure, choice, exitCodes, text, UsageError } from '../command.ts'
import { cannotBeRead } from '../file-failure.ts'
import { printable } from '../printable.ts'

const claims = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.union([z.string(), z.array(z.string())]),
  // As far as a date can be.
  exp: z.int().min(0).max(8_640_000_000_000),
  'kubernetes.io': z.object({
    namespace: z.string(),
    serviceaccount: z.object({ name: z.string() }),
    pod: z.object({ name: z.string(), uid: z.string() }).optional(),
    node: z.object({ name: z.string() }).optional(),
  }),
})

const defaultFile = '/var/run/secrets/tokenbroker/token'

export const whoami: Command = {
  name: 'whoami',
  summary: 'Show the identity that a projected ServiceAccount token gives this pod.',
  operands: '[--token-file FILE] [-o json]',
  description:
    'Reads the projected token that the sidecar exchanges and shows what it says: namespace, ServiceAccount, pod, audience\n' +
    'and expiry, and what is wrong with it. The token itself is never printed, and its signature is not checked here.\n' +
    'Exit code 1 when something is wrong with it.',
  examples: ['tokenbroker whoami', 'tokenbroker whoami --token-file ./token -o json'],
  options: {
    'token-file': { type: 'string', help: `FILE The projected token. Default: ${defaultFile}.` },
    output: { type: 'string', short: 'o', help: 'FORMAT json, or text (default).' },
  },
  async run(input, { out, note, clock, signal }) {
    if (input.positionals.length > 0) throw new UsageError('whoami takes no operands.')
    const format = choice(input, 'output', ['text', 'json'])
    const file = text(input, 'token-file') ?? defaultFile
    const content = await readFile(file, { encoding: 'utf8', signal }).catch((cause) => {
      signal.throwIfAborted()
      throw cannotBeRead(file, 'name the projected token with --token-file', cause)
    })
    const identity = describe(content, file)
    const expiresInSeconds = Math.floor(identity.exp - clock().getTime() / 1000)
    const wrong = problems(identity, expiresInSeconds)
    const about = shown(identity)
    if (format === 'json') out(JSON.stringify({ ...about, expiresInSeconds, problems: wrong }))
    else {
      for (const [name, value] of Object.entries(about)) {
        out(`${name.padEnd(15)} ${printable([value ?? '(none)'].flat().join(' '))}`)
      }
    }
    for (const problem of wrong) note(problem)
    return wrong.length === 0 ? exitCodes.ok : exitCodes.failed
  },
}

function describe(content: string, file: string): z.output<typeof claims> {
  try {
    return claims.parse(decodeJwt(content.trim()))
  } catch {
    // The cause would quote the token.
    throw new CommandFailure(
      exitCodes.failed,
      `${file} holds no ServiceAccount token of Kubernetes: name the projected token with --token-file.`,
    )
  }
}

function shown({ iss, aud, exp, 'kubernetes.io': bound }: z.output<typeof claims>) {
  return {
    namespace: bound.namespace,
    serviceAccount: bound.serviceaccount.name,
    pod: bound.pod?.name,
    node: bound.node?.name,
    audience: [aud].flat(),
    issuer: iss,
    expiresAt: new Date(exp * 1000).toISOString(),
  }
}

function problems(
  { aud, 'kubernetes.io': bound }: z.output<typeof claims>,
  expiresInSeconds: number,
): readonly string[] {
  return [
    ...(expiresInSeconds <= 0
      ? ['The token has expired: the kubelet renews it in the pod, so read the mounted file.']
      : []),
    ...(bound.pod === undefined
      ? ['The token is not bound to a pod: use a projected volume, not kubectl create token.']
      : []),
    ...([aud].flat().length === 1
      ? []
      : ['The token has several audiences: the broker takes one that is for it alone.']),
  ]
}
