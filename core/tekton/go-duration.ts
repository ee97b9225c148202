const unitMs = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  '\u03bcs': 0.001,
  ns: 0.000_001,
} as const

// The Greek mu is escaped: one character beyond Latin-1 makes V8 hold a whole bundle in two bytes for each character.
const whole = /^(?:\d+(?:\.\d*)?(?:h|ms|m|s|us|µs|\u03bcs|ns))+$/
const parts = /(\d+(?:\.\d*)?)(h|ms|m|s|us|µs|\u03bcs|ns)/g

/**
 * Reads a non-negative Go duration as metav1.Duration writes it (`1h0m0s`, `1.5s`, `0s`).
 *
 * Unlike the durations that our own fields take, Tekton's may be zero (no timeout) and may have fractions.
 *
 * @returns milliseconds, or `undefined` when the text is no such duration
 * @see https://pkg.go.dev/time#ParseDuration
 */
export function parseGoDurationMs(text: string): number | undefined {
  if (text === '0') return 0
  if (text.length > 48 || !whole.test(text)) return undefined
  let ms = 0
  for (const [, amount, unit] of text.matchAll(parts)) ms += Number(amount) * unitMs[unit as keyof typeof unitMs]
  return Number.isFinite(ms) ? ms : undefined
}
