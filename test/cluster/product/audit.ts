import type { AuditRecord } from '../../../core/audit/event.ts'
import { type AuditLine, splitLines } from '../../../core/audit/lines.ts'
import { verifyLines } from '../../../core/audit/verify.ts'
import { kubectl } from '../harness/kubectl.ts'
import { system } from './names.ts'

/**
 * Every record of the broker's journal, read in its pod as an operator would, and verified first.
 *
 * @throws Error when the chain does not verify
 */
export async function journalRecords(): Promise<readonly AuditRecord[]> {
  const lines: AuditLine[] = []
  for await (const line of splitLines(chunks(await journalText()), { file: 'journal' })) lines.push(line)
  const { verdict, message } = await verifyLines(lines)
  if (verdict !== 'ok') throw new Error(`the journal is ${verdict}: ${message}`)
  return lines.map(({ text }) => JSON.parse(text ?? '') as AuditRecord)
}

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

/** The image has no shell: what there is to read with is Node. */
const printJournal = `
  const { globSync, readFileSync, writeSync } = require('node:fs')
  for (const file of globSync('/var/lib/tokenbroker/audit/*.jsonl').sort()) writeSync(1, readFileSync(file))
`

async function journalText(): Promise<string> {
  const command = ['node', '--eval', printJournal]
  const { code, stdout, stderr } = await kubectl(
    'exec',
    '-n',
    system,
    'tokenbroker-0',
    '-c',
    'broker',
    '--',
    ...command,
  )
  if (code !== 0) throw new Error(`the journal cannot be read: ${stderr}`)
  return stdout
}
