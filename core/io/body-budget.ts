/** Bytes that requests may hold in memory together. */
export interface BodyBudget {
  /** @returns false when so many are not left; then nothing is taken */
  take(bytes: number): boolean
  give(bytes: number): void
}

export function createBodyBudget(maxBytes: number): BodyBudget {
  let taken = 0
  return Object.freeze({
    take(bytes: number): boolean {
      if (taken + bytes > maxBytes) return false
      taken += bytes
      return true
    },
    give(bytes: number): void {
      taken -= bytes
    },
  })
}
