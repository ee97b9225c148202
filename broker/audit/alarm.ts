/** Calls `ring` once after `ms`, unless the returned function is called before. A parameter, so that tests ring. */
export type Alarm = (ms: number, ring: () => void) => () => void

/** Rings in real time. */
export const systemAlarm: Alarm = (ms, ring) => {
  const timer = setTimeout(ring, ms)
  return () => clearTimeout(timer)
}
