import type { AuditLine } from './lines.ts'

/** What a verifier can find wrong, and what it says about the journal as a whole. */
const offences = {
  malformed: { verdict: 'tampered', message: 'the line is no audit record' },
  not_canonical: { verdict: 'tampered', message: 'the line is not in canonical form: it was edited' },
  edited: { verdict: 'tampered', message: 'the record does not have its fingerprint: it was edited' },
  cut_line: { verdict: 'tampered', message: 'the line is cut short, and others follow' },
  gap: { verdict: 'tampered', message: 'records before this one are missing' },
  repeated: { verdict: 'tampered', message: 'the record is repeated or out of order' },
  broken_link: { verdict: 'tampered', message: 'the record does not continue the one before it' },
  duplicate_id: { verdict: 'tampered', message: 'another record has the same id' },
  foreign_chain: { verdict: 'tampered', message: 'the record belongs to a chain that does not begin here' },
  unlinked_chain: { verdict: 'tampered', message: 'the chain does not name the head of the chain before it' },
  anchor_mismatch: {
    verdict: 'tampered',
    message: 'the record is not the one that was anchored: history was rewritten',
  },
  missing_beginning: { verdict: 'incomplete', message: 'the first records of the chain are missing' },
  missing_tail: { verdict: 'incomplete', message: 'the last records of the chain are missing' },
  torn_tail: {
    verdict: 'incomplete',
    message: 'the last line is cut short, as a crash leaves it; the broker removes it when it starts',
  },
} as const satisfies Record<string, { readonly verdict: 'tampered' | 'incomplete'; readonly message: string }>

export type OffenceKind = keyof typeof offences

/** The place where a journal stops being what was written. */
export interface Offence {
  readonly kind: OffenceKind
  readonly verdict: 'tampered' | 'incomplete'
  readonly message: string
  readonly file: string | undefined
  /** Counts from 1. */
  readonly line: number | undefined
  /** Sequence of the record at fault, where it could be read. */
  readonly sequence: number | undefined
}

export function offenceAt(kind: OffenceKind, line: AuditLine | undefined, sequence: number | undefined): Offence {
  return { kind, ...offences[kind], file: line?.file, line: line?.line, sequence }
}
