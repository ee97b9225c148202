/** Things that come when they come; `next` waits for the next one, so that no test has to sleep. */
export interface Mailbox<T> {
  put(item: T): void
  next(): Promise<T>
  /** Those nobody has taken yet. */
  left(): readonly T[]
}

export function createMailbox<T>(): Mailbox<T> {
  const items: T[] = []
  const readers: ((item: T) => void)[] = []
  return {
    put(item) {
      const reader = readers.shift()
      if (reader) reader(item)
      else items.push(item)
    },
    next() {
      const item = items.shift()
      if (item !== undefined) return Promise.resolve(item)
      return new Promise((resolve) => readers.push(resolve))
    },
    left: () => items,
  }
}
