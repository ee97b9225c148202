const unitSeconds = { h: 3600, m: 60, s: 1 } as const

/**
 * Reads a Go duration in whole seconds (`90s`, `5m`, `1h30m`), the form of Kubernetes and Tekton fields.
 *
 * @returns seconds, or `undefined` when the text is no such duration or is not positive
 * @see https://pkg.go.dev/time#ParseDuration
 */
export function parseDuration(text: string): number | undefined {
  if (text.length > 24 || !/^(?:\d+[hms])+$/.test(text)) return undefined
  let seconds = 0
  for (const part of text.match(/\d+[hms]/g) ?? []) {
    seconds += Number(part.slice(0, -1)) * unitSeconds[part.slice(-1) as keyof typeof unitSeconds]
  }
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds : undefined
}

/** Reads seconds (`300`) or a Go duration (`5m`); the two forms the `ttl` parameter takes. */
export function parseSecondsOrDuration(text: string): number | undefined {
  if (!/^\d{1,9}$/.test(text)) return parseDuration(text)
  const seconds = Number(text)
  return seconds > 0 ? seconds : undefined
}

/** Writes seconds the way Go prints them (`5m0s`). */
export function formatDuration(seconds: number): string {
  const h = Math.floor(seconds / 3600)
  const m = Math.floor((seconds % 3600) / 60)
  const s = seconds % 60
  if (h > 0) return `${h}h${m}m${s}s`
  return m > 0 ? `${m}m${s}s` : `${s}s`
}
