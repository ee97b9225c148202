import { z } from 'zod'
import type { AuditRecord, AuditType } from '../../core/audit/event.ts'
import { auditRecordSchema, auditTypes } from '../../core/audit/schema.ts'
import { exampleRecords } from './audit-examples.ts'
import { memberTexts, typeTexts } from './audit-texts.ts'
import { code, fenced, generatedFrom, page, table } from './markdown.ts'
import { schemaRows } from './schema-rows.ts'

export function auditSchema(): string {
  const { $schema, ...schema } = z.toJSONSchema(auditRecordSchema)
  return `${JSON.stringify({ $schema, $id: 'urn:tokenbroker:schema:audit:v1', ...schema }, undefined, 2)}\n`
}

export async function auditPage(): Promise<string> {
  const records = await exampleRecords()
  return page(
    generatedFrom('core/audit/schema.ts or docs/generate/audit-texts.ts'),
    '# The audit record',
    'One CloudEvents 1.0 event as one line of canonical JSON in the journal. JSON Schema: ' +
      '[audit-v1.schema.json](audit-v1.schema.json). Within version 1 it only grows: readers let unknown members pass. Never ' +
      'in a record: a token, an assertion, a secret, the raw request.',
    '`tokenbroker audit verify` checks a journal offline; by hand: parse a line, remove `data.attestation.fingerprint`, ' +
      'canonicalise, hash with SHA-256.',
    '## Types',
    table(
      ['type', 'written when'],
      auditTypes.map((type) => [`[${code(type)}](#${anchor(type)})`, typeTexts[type].when]),
    ),
    '## Members',
    memberTable(),
    '## Examples',
    'Written by the code itself, with ids and times that stay the same. A line of the journal has no line breaks.',
    ...auditTypes.flatMap((type) => example(type, records)),
  )
}

function memberTable(): string {
  const rows = schemaRows(auditRecordSchema).map(({ key, type, fallback }) => [
    code(key),
    type.length > 120 ? 'one of a closed list' : type,
    fallback === 'required' ? 'always' : '',
    textOf(key),
  ])
  return table(['member', 'type', 'there', 'meaning'], rows)
}

/** @throws TypeError for a member that nobody described */
function textOf(key: string): string {
  const text =
    memberTexts[key] ??
    memberTexts[key.replace(/^data\.(?:subject|actor|event|run\.(?:source|task_source|event))\./, 'data.*.')]
  if (text === undefined) throw new TypeError(`docs/generate/audit-texts.ts says nothing of ${key}`)
  return text
}

function example(type: AuditType, records: readonly AuditRecord[]): readonly string[] {
  const record = records.find((one) => one.type === type)
  if (record === undefined) throw new TypeError(`docs/generate/audit-examples.ts makes no ${type}`)
  return [`### ${type.replace('dev.tokenbroker.', '')}`, typeTexts[type].example, fenced('json', readable(record))]
}

function anchor(type: AuditType): string {
  return type.replace('dev.tokenbroker.', '').replaceAll('.', '')
}

const envelopeOrder = [
  'specversion',
  'type',
  'id',
  'source',
  'subject',
  'time',
  'sequence',
  'datacontenttype',
  'dataschema',
]

/** JSON with the members of record and data on lines of their own, and what is below them on one. */
function readable(record: AuditRecord): string {
  const { data, ...envelope } = record
  const lines = (object: object, indent: string) =>
    Object.entries(object).map(([key, value]) => `${indent}${JSON.stringify(key)}: ${inLine(value)}`)
  const head = Object.entries(envelope).sort(([a], [b]) => envelopeOrder.indexOf(a) - envelopeOrder.indexOf(b))
  const body = lines(Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1))), '    ')
  return `{\n${lines(Object.fromEntries(head), '  ').join(',\n')},\n  "data": {\n${body.join(',\n')}\n  }\n}`
}

function inLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inLine).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${JSON.stringify(key)}: ${inLine(inner)}`)
    .join(', ')}}`
}
