import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { createHttpClient, HttpUnreachable } from '../../../core/io/http-client.ts'
import { Secret } from '../../../core/secret.ts'
import {
  type Command,
  type CommandContext,
  CommandFailure,
  type CommandInput,
  exitCodes,
  text,
  UsageError,
} from '../command.ts'
import { reveal } from '../reveal.ts'

const granted = z.object({
  access_token: z.string().transform((value) => new Secret(value)),
  expires_in: z.number(),
  scope: z.string().optional(),
  exchange_id: z.string().optional(),
})

const refused = z.object({ error: z.string(), error_description: z.string().optional() })

export const token: Command = {
  name: 'token',
  summary: 'Get a token from the sidecar of this pod.',
  operands: 'POLICY [--scope SCOPES] [--min-ttl SECONDS] [-o token|header|json]',
  description:
    'For a step: asks the sidecar on localhost. The token itself is printed for a pipe or a file, and on a terminal only\n' +
    'with --reveal. -o json leaves it out.',
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
    const [policy, ...rest] = input.positionals
    if (policy === undefined || rest.length > 0) throw new UsageError('Name one policy.')
    const format = text(input, 'output') ?? 'token'
    if (!['token', 'header', 'json'].includes(format)) throw new UsageError('-o takes token, header or json.')
    if (format !== 'json' && context.isTerminal && input.options['reveal'] !== true) {
      throw new UsageError('This would print a token to the terminal: use -o json, a pipe, or --reveal.')
    }
    const answer = await ask(policy, input, context)
    if (format === 'json') {
      const { expires_in, scope, exchange_id } = answer
      context.out(JSON.stringify({ policy, expires_in, scope, exchange_id }))
    } else {
      context.out(reveal(answer.access_token, format === 'header' ? 'Authorization: Bearer ' : ''))
    }
    return exitCodes.ok
  },
}

async function ask(
  policy: string,
  input: CommandInput,
  { env, signal }: CommandContext,
): Promise<z.output<typeof granted>> {
  const directory = env['TOKENBROKER_DIR'] ?? '/tokenbroker'
  const url = env['TOKENBROKER_URL'] ?? 'http://127.0.0.1:8099'
  const key = await readFile(join(directory, 'key'), 'utf8').catch((cause) => {
    throw new CommandFailure(
      exitCodes.unreachable,
      `There is no key in ${directory}: this runs in a step with the token sidecar.`,
      { cause },
    )
  })
  const optional = (['scope', 'audience'] as const).flatMap((name) => {
    const value = text(input, name)
    return value === undefined ? [] : [[name, value] as const]
  })
  const minTtl = text(input, 'min-ttl')
  const client = createHttpClient({ timeoutMs: 20_000 })
  try {
    const { status, body } = await client.postForm(
      `${url}/token`,
      [
        ['grant_type', 'client_credentials'],
        ['client_id', policy],
        ['client_secret', new Secret(key.trim())],
        ...optional,
        ...(minTtl === undefined ? [] : [['min_ttl', minTtl] as const]),
      ],
      { signal },
    )
    if (status === 200) return granted.parse(body)
    const { error, error_description } = refused.parse(body)
    throw new CommandFailure(codeOf(status, error), `${error}: ${error_description ?? 'no description'}`)
  } catch (cause) {
    if (!(cause instanceof HttpUnreachable)) throw cause
    throw new CommandFailure(exitCodes.unreachable, `The sidecar does not answer at ${url}.`, { cause })
  } finally {
    await client.close()
  }
}

function codeOf(status: number, error: string): number {
  if (error === 'authorization_pending') return exitCodes.pending
  return status === 503 || status === 429 ? exitCodes.unreachable : exitCodes.denied
}
