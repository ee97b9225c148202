/** What the name of a journal file says. Names sort as text in the order in which they were written. */
export interface SegmentName {
  /** Counts the chains of a directory from 1. */
  readonly epoch: number
  readonly chainUid: string
  /** Sequence of the first record in the file. */
  readonly firstSequence: number
}

const pattern = /^(\d{6})-([0-9a-z][0-9a-z-]{0,63})-(\d{20})\.jsonl$/

/** `<epoch>-<chain uid>-<first sequence>.jsonl`. */
export function formatSegmentName(name: SegmentName): string {
  const epoch = String(name.epoch).padStart(6, '0')
  return `${epoch}-${name.chainUid}-${String(name.firstSequence).padStart(20, '0')}.jsonl`
}

/** @returns `undefined` for a file that is no segment of a journal */
export function parseSegmentName(file: string): SegmentName | undefined {
  const [, epoch, chainUid, sequence] = pattern.exec(file) ?? []
  if (epoch === undefined || chainUid === undefined || sequence === undefined) return undefined
  const firstSequence = Number(sequence)
  if (!Number.isSafeInteger(firstSequence) || firstSequence < 1) return undefined
  return { epoch: Number(epoch), chainUid, firstSequence }
}
