import { readdir } from 'node:fs/promises'
import { type Command, type CommandContext, CommandFailure, exitCodes, text, UsageError } from '../command.ts'
import { checks, contractVersion } from '../conformance/localhost/checks.ts'
import { runConformance } from '../conformance/localhost/run.ts'
import type { Subject } from '../conformance/localhost/subject.ts'
import { cannotBeRead } from '../file-failure.ts'
import { printable } from '../printable.ts'

export const conformanceLocalhost: Command = {
  name: 'conformance localhost',
  summary: 'Check a sidecar against the contract of the local API.',
  operands: '[--url URL] [--directory DIRECTORY] [--policy POLICY]',
  description:
    'For whoever writes a sidecar of their own, or changes ours: speaks to it over HTTP, its Unix socket and its files, as\n' +
    'a step does and as a step must not, and prints TAP: a line for each check, with the clause of the contract. It knows\n' +
    'nothing of how the sidecar is made. Takes about 15 seconds. Exit code 1 when a clause is broken.',
  examples: [
    'tokenbroker conformance localhost',
    'tokenbroker conformance localhost --url http://127.0.0.1:8099 --directory ./step',
  ],
  options: {
    url: { type: 'string', help: 'URL Of the local API. Default: TOKENBROKER_URL, or http://127.0.0.1:8099.' },
    directory: { type: 'string', help: 'DIRECTORY Of one step. Default: TOKENBROKER_DIR, or /tokenbroker.' },
    policy: {
      type: 'string',
      help: 'POLICY A policy of the step that has its token. Default: the first in the directory.',
    },
  },
  async run(input, context) {
    if (input.positionals.length > 0) throw new UsageError('conformance localhost takes no operands.')
    const { env, signal } = context
    const directory = text(input, 'directory') ?? env['TOKENBROKER_DIR'] ?? '/tokenbroker'
    const address = addressOf(text(input, 'url') ?? env['TOKENBROKER_URL'] ?? 'http://127.0.0.1:8099')
    const policy = text(input, 'policy') ?? (await firstPolicy(directory))
    return await print({ ...address, directory, policy, signal }, context)
  },
}

/** @see https://testanything.org/tap-version-14-specification.html */
async function print(subject: Subject, { out, note }: CommandContext): Promise<number> {
  out('TAP version 14')
  out(`1..${checks.length}`)
  let at = 0
  let broken = 0
  for await (const { check, seen } of runConformance(checks, subject)) {
    at += 1
    out(`${seen === undefined ? 'ok' : 'not ok'} ${at} - ${check.clause} ${check.title}`)
    if (seen === undefined) continue
    broken += 1
    out(`  ---\n  seen: ${JSON.stringify(printable(seen))}\n  ...`)
  }
  if (broken === 0) return exitCodes.ok
  note(`${broken} of ${checks.length} checks of the localhost contract ${contractVersion} failed.`)
  return exitCodes.failed
}

function addressOf(url: string): Pick<Subject, 'authority' | 'tcp'> {
  const parsed = URL.parse(url)
  if (parsed?.protocol !== 'http:' || parsed.port === '') {
    throw new UsageError('--url takes an address such as http://127.0.0.1:8099.')
  }
  return { authority: parsed.host, tcp: { host: parsed.hostname.replaceAll(/[[\]]/g, ''), port: Number(parsed.port) } }
}

async function firstPolicy(directory: string): Promise<string> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause: unknown) => {
    throw cannotBeRead(directory, 'name the directory of one step with --directory', cause)
  })
  const [first] = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name)
  if (first !== undefined) return first
  throw new CommandFailure(exitCodes.failed, `${directory} holds no policy: name one with --policy.`)
}
