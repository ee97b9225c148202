export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

/** Ratio of two interleaved series, round by round: the machine's drift cancels. */
export function ratios(ours: readonly number[], theirs: readonly number[]): readonly number[] {
  return ours.map((value, round) => value / (theirs[round] ?? Number.NaN))
}

export function range(values: readonly number[], digits: number): string {
  if (values.length < 2) return median(values).toFixed(digits)
  const sorted = values.toSorted((a, b) => a - b)
  return `${median(values).toFixed(digits)} [${sorted[0]?.toFixed(digits)}-${sorted.at(-1)?.toFixed(digits)}]`
}

export function row(name: string, ...cells: readonly string[]): string {
  return `  ${name.padEnd(46)} ${cells.map((cell) => cell.padStart(20)).join('  ')}`
}

/** One goal of the project's performance, measured or not. */
export type Goal = MeasuredGoal | { readonly id: string; readonly name: string; readonly notMeasured: string }

export interface MeasuredGoal {
  /** `P1` to `P10`. */
  readonly id: string
  readonly name: string
  /** What this version has to reach. */
  readonly floor: number
  /** What we are after. */
  readonly aim: number
  /** One for each round. */
  readonly values: readonly number[]
  /** True where less is better, such as MiB. */
  readonly isCeiling?: boolean
}

export function goalLine(goal: Goal): string {
  const name = `${goal.id} ${goal.name.padEnd(62)}`
  if ('notMeasured' in goal) return `${name} not measured here: ${goal.notMeasured}`
  const { floor, aim, values, isCeiling = false } = goal
  const value = median(values)
  const reaches = (bound: number) => (isCeiling ? value <= bound : value >= bound)
  const verdict = reaches(aim) ? 'aim reached' : reaches(floor) ? 'floor reached, aim not' : 'NOT reached'
  const digits = Math.abs(value) >= 100 ? 0 : 2
  const bounds = `${isCeiling ? 'at most' : 'at least'} ${floor}, aim ${aim}`
  return `${name} ${range(values, digits).padStart(22)}   ${bounds.padEnd(26)} ${verdict}`
}
