import { printable } from '../printable.ts'

/** Names as machines make them, which cannot be taken for a part of the sentence around them. */
const plain = /^[\w.@:/+*=-]+$/

/**
 * Text from a record inside of a line: in quotes where it holds anything but a plain name, so that a user who is called
 * `alice, proved` proves nothing; `-` where there is none.
 */
export function shown(text: string | undefined): string {
  if (text === undefined || text === '') return '-'
  return plain.test(text) ? text : JSON.stringify(printable(text))
}
