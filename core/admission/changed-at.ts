import { z } from 'zod'

const entries = z.array(
  z.object({
    /** Absent for who applied what was there already. */
    time: z.coerce.date().optional(),
    subresource: z.string().optional(),
    fieldsV1: z.record(z.string(), z.unknown()).default({}),
  }),
)

interface Meta {
  readonly creationTimestamp?: string
  readonly managedFields?: unknown
}

/**
 * When an object last got the content that it has: the API server keeps the time of every writer's last change. Changes of
 * subresources, such as the status, are not meant.
 *
 * @param path of fields, such as `f:metadata`, `f:labels`; default the whole object, and its creation
 * @returns undefined where nothing says it: who dropped the notes of the API server proves nothing
 */
export function changedAt({ creationTimestamp, managedFields }: Meta, path: readonly string[] = []): Date | undefined {
  const written = entries.safeParse(managedFields).data ?? []
  const times = written
    .filter(({ subresource, fieldsV1 }) => !subresource && holds(fieldsV1, path))
    .flatMap(({ time }) => (time === undefined ? [] : [time.getTime()]))
  if (times.length === 0) return undefined
  const created = path.length === 0 ? Date.parse(creationTimestamp ?? '') : Number.NEGATIVE_INFINITY
  const latest = Math.max(created, ...times)
  return Number.isNaN(latest) ? undefined : new Date(latest)
}

function holds(fields: unknown, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true
  if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, first)) return false
  return holds((fields as Readonly<Record<string, unknown>>)[first], rest)
}
