import { printable } from './printable.ts'

export interface Table {
  /** @returns false when nobody reads any more */
  add(cells: readonly string[]): boolean
  end(): void
}

/** Rows that are aligned with each other; the widths go on from page to page, as kubectl's do, and only grow. */
const rowsPerPage = 500

/** Prints rows as kubectl does: three spaces between columns, nothing behind the last, `-` where there is nothing. */
export function createTable(out: (line: string) => boolean): Table {
  const widths: number[] = []
  let page: (readonly string[])[] = []
  let isRead = true

  function flush(): void {
    for (const row of page) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
    for (const row of page) isRead &&= out(line(row))
    page = []
  }

  function line(row: readonly string[]): string {
    return row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('   ')
  }

  return Object.freeze({
    add(cells: readonly string[]) {
      page.push(cells.map((cell) => printable(cell) || '-'))
      if (page.length >= rowsPerPage) flush()
      return isRead
    },
    end: flush,
  })
}
