/** A line with lines below it. */
export interface Node {
  readonly text: string
  readonly below: readonly Node[]
}

/** Draws a tree as `tree` and kubectl plugins do. */
export function* treeLines({ text, below }: Node): Generator<string, void, undefined> {
  yield text
  for (const [at, node] of below.entries()) {
    const isLast = at === below.length - 1
    let isFirst = true
    for (const line of treeLines(node)) {
      yield `${isFirst ? (isLast ? '└─ ' : '├─ ') : isLast ? '   ' : '│  '}${line}`
      isFirst = false
    }
  }
}
