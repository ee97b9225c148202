import { type Verdict, type Verification, verifyLines } from '../../../core/audit/verify.ts'
import { type Command, type CommandInput, choice, operand, text, UsageError } from '../command.ts'
import { journalLines } from '../journal-files.ts'
import { printable } from '../printable.ts'

/** Exit codes for scripts and auditors: 2 is a verdict here, so wrong usage is 64 (EX_USAGE of sysexits.h). */
const verdictCodes: Readonly<Record<Verdict, number>> = { ok: 0, tampered: 2, incomplete: 3, unanchored: 4 }

export const auditVerify: Command = {
  name: 'audit verify',
  summary: 'Check offline that an audit journal is whole and untouched.',
  operands: 'DIRECTORY [--head CHAIN:SEQUENCE:FINGERPRINT] [--anchored] [-o json]',
  description:
    'Reads the segments of an audit journal, or of a copy, and checks every record against the hash chain. Needs no cluster\n' +
    'and no broker. Prints the verdict and the head of the chain; keep the head elsewhere and give it back with --head: only\n' +
    'an anchored head can show that the tail was cut off. Exit codes: 0 ok, 2 tampered, 3 incomplete, 4 unanchored,\n' +
    '1 the journal cannot be read, 64 wrong usage.',
  examples: [
    'tokenbroker audit verify /var/lib/tokenbroker/audit',
    'tokenbroker audit verify ./journal --head 019a…:42:9f86d0…',
  ],
  options: {
    head: {
      type: 'string',
      help: 'CHAIN:SEQUENCE:FINGERPRINT Head that must be in the journal, as an earlier run printed it.',
    },
    anchored: { type: 'boolean', help: 'Without --head the verdict is then unanchored instead of ok.' },
    output: { type: 'string', short: 'o', help: 'FORMAT json, or text (default).' },
  },
  usageExitCode: 64,
  async run(input, { out, signal }) {
    const directory = operand(input, 'directory')
    const format = choice(input, 'output', ['text', 'json'])
    const head = expectedHead(input)
    const result = await verifyLines(journalLines(directory, signal), {
      demandsAnchor: input.options['anchored'] === true,
      ...(head && { expectedHead: head }),
    })
    for (const line of format === 'json' ? [JSON.stringify(result)] : report(result)) out(line)
    return verdictCodes[result.verdict]
  },
}

function report({ verdict, message, head }: Verification): readonly string[] {
  const said = `${verdict}: ${printable(message)}`
  if (head === undefined) return [said]
  // What does not verify must not look like something to anchor.
  const label = verdict === 'ok' || verdict === 'unanchored' ? 'head' : 'verified up to'
  return [said, printable(`${label}: ${head.chainUid}:${head.sequence}:${head.fingerprint}`)]
}

function expectedHead(input: CommandInput) {
  const head = text(input, 'head')
  if (head === undefined) return undefined
  const [, chainUid, sequence, fingerprint] = /^([0-9a-z-]{1,64}):(\d{1,20}):([0-9a-f]{64})$/.exec(head) ?? []
  if (chainUid === undefined || sequence === undefined || fingerprint === undefined) {
    throw new UsageError('--head takes CHAIN:SEQUENCE:FINGERPRINT, as the command prints it.')
  }
  return { chainUid, sequence: Number(sequence), fingerprint }
}
