export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

/** Ratio of two interleaved series, round by round: the machine's drift cancels. */
export function ratios(ours: readonly number[], theirs: readonly number[]): readonly number[] {
  return ours.map((value, round) => value / (theirs[round] ?? Number.NaN))
}

export function range(values: readonly number[], digits: number): string {
  const sorted = values.toSorted((a, b) => a - b)
  return `${median(values).toFixed(digits)} [${sorted[0]?.toFixed(digits)}-${sorted.at(-1)?.toFixed(digits)}]`
}

export interface Goal {
  readonly name: string
  /** What this version has to reach. */
  readonly floor: number
  /** What we are after. */
  readonly aim: number
  readonly values: readonly number[]
  /** True where less is better, such as MiB. */
  readonly isCeiling?: boolean
}

export function goalLine({ name, floor, aim, values, isCeiling = false }: Goal): string {
  const value = median(values)
  const reaches = (bound: number) => (isCeiling ? value <= bound : value >= bound)
  const verdict = reaches(aim) ? 'aim reached' : reaches(floor) ? 'reached, aim not' : 'NOT reached'
  const bound = isCeiling ? 'at most' : 'at least'
  return `${name.padEnd(58)} ${range(values, 2).padStart(22)}   ${bound} ${floor}, aim ${aim}: ${verdict}`
}
