import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createHttpClient, HttpUnreachable } from '../../../core/io/http-client.ts'
import { Secret } from '../../../core/secret.ts'
import {
  type Command,
  type CommandContext,
  CommandFailure,
  type CommandInput,
  choice,
  exitCodes,
  operand,
  text,
  UsageError,
} from '../command.ts'
import { reveal } from '../reveal.ts'
import { readSidecarAnswer } from '../sidecar-answer.ts'

export const token: Command = {
  name: 'token',
  summary: 'Get a token from the sidecar of this pod.',
  operands: 'POLICY [--scope SCOPES] [--audience AUDIENCE] [--min-ttl SECONDS] [-o token|header|json]',
  description:
    'For a step: asks the sidecar on localhost. The token itself is printed for a pipe or a file, and on a terminal only\n' +
    'with --reveal. -o json leaves it out. TOKENBROKER_DIR and TOKENBROKER_URL say where the sidecar is; steps have them.',
  examples: [
    'curl -H "$(tokenbroker token deploy-staging -o header)" https://deploy.example.com/rollouts',
    'tokenbroker token deploy-staging -o json',
  ],
  options: {
    scope: { type: 'string', help: 'SCOPES Fewer scopes than the policy has, separated by spaces.' },
    audience: { type: 'string', help: 'AUDIENCE The audience, where the policy does not say it.' },
    'min-ttl': { type: 'string', help: 'SECONDS At least so much life must be left.' },
    output: { type: 'string', short: 'o', help: 'FORMAT token (default), header, or json without the token.' },
    reveal: { type: 'boolean', help: 'Print a token to a terminal.' },
  },
  async run(input, context) {
    const policy = operand(input, 'policy')
    const format = choice(input, 'output', ['token', 'header', 'json']) ?? 'token'
    if (format !== 'json' && context.isTerminal && input.options['reveal'] !== true) {
      throw new UsageError('This would print a token to the terminal: use -o json, a pipe, or --reveal.')
    }
    const { accessToken, expiresIn, scope, exchangeId } = await ask(formOf(policy, input), context)
    if (format === 'json') {
      context.out(JSON.stringify({ policy, expires_in: expiresIn, scope, exchange_id: exchangeId }))
    } else {
      context.out(reveal(accessToken, format === 'header' ? 'Authorization: Bearer ' : ''))
    }
    return exitCodes.ok
  },
}

type Field = readonly [name: string, value: string]

function formOf(policy: string, input: CommandInput): readonly Field[] {
  const minTtl = text(input, 'min-ttl')
  if (minTtl !== undefined && !/^\d{1,5}$/.test(minTtl)) throw new UsageError('--min-ttl takes a number of seconds.')
  const asked: readonly (readonly [string, string | undefined])[] = [
    ['grant_type', 'client_credentials'],
    ['client_id', policy],
    ['scope', text(input, 'scope')],
    ['audience', text(input, 'audience')],
    ['min_ttl', minTtl],
  ]
  return asked.flatMap(([name, value]): readonly Field[] => (value === undefined ? [] : [[name, value]]))
}

async function ask(form: readonly Field[], { env, signal }: CommandContext) {
  const key = await readKey(env['TOKENBROKER_DIR'] ?? '/tokenbroker', signal)
  const url = (env['TOKENBROKER_URL'] ?? 'http://127.0.0.1:8099').replace(/\/+$/, '')
  const client = createHttpClient({ timeoutMs: 20_000 })
  try {
    const answer = await client.postForm(`${url}/token`, [...form, ['client_secret', key]], { signal })
    return readSidecarAnswer(answer, url)
  } catch (cause) {
    if (cause instanceof TypeError) {
      throw new CommandFailure(exitCodes.failed, `TOKENBROKER_URL is not usable: ${cause.message}.`, { cause })
    }
    if (!(cause instanceof HttpUnreachable)) throw cause
    throw new CommandFailure(
      exitCodes.unreachable,
      `The sidecar does not answer at ${url}: this runs in a step with the token sidecar.`,
      { cause },
    )
  } finally {
    await client.close()
  }
}

/** Read for each request: the sidecar makes a new key at each start. */
async function readKey(directory: string, signal: AbortSignal): Promise<Secret> {
  const path = join(directory, 'key')
  const key = await readFile(path, { encoding: 'utf8', signal }).catch((cause) => {
    signal.throwIfAborted()
    throw new CommandFailure(
      exitCodes.unreachable,
      `${path} cannot be read: this runs in a step with the token sidecar.`,
      { cause },
    )
  })
  return new Secret(key.trim())
}
