/** Remembers the ids seen last, so that a repeated one is noticed in bounded memory. */
export interface RecentIds {
  /** @returns false when the id was seen before */
  add(id: string): boolean
}

export function createRecentIds(capacity: number): RecentIds {
  const ids = new Set<string>()
  return Object.freeze({
    add(id: string) {
      if (ids.has(id)) return false
      ids.add(id)
      if (ids.size > capacity) for (const oldest of ids.values()) return ids.delete(oldest)
      return true
    },
  })
}
