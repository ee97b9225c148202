import { z } from 'zod'

/** A Kubernetes object name. @see RFC 1123, DNS subdomain */
export const name = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)

/** One OAuth scope, exact. @see RFC 6749 §3.3; `*` is kept free for globs. */
export const scope = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[!#-)+-[\]-~]+$/)

/**
 * A scope, or a glob in which whole segments (between `:` and `/`) are `*`.
 *
 * @see core/policy/scope-pattern.ts
 */
export const scopePattern = z
  .string()
  .min(1)
  .max(128)
  .regex(/^([!#-)+-.0-9;-[\]-~]*|\*)([:/]([!#-)+-.0-9;-[\]-~]*|\*))*$/)

/** A user or group name of Kubernetes. */
export const subjectName = z.string().min(1).max(256)

/** A token's audience: a URI or a plain name. */
export const audience = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[!#-)+-[\]-~]+$/)

/** A Go duration in h, m and s. Zero is admitted, and condition Ready says what is wrong with it. */
export const duration = z
  .string()
  .min(2)
  .max(24)
  .regex(/^([0-9]+[hms])+$/)

/** A list without repetitions, which Kubernetes enforces and merges by value. */
export const listSet = { 'x-kubernetes-list-type': 'set' } as const

/** A list with one entry for each value of `keys`, merged entry by entry on server-side apply. */
export function listMap(...keys: readonly string[]) {
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys } as const
}

/** A list that whoever applies it owns as a whole. */
export const listAtomic = { 'x-kubernetes-list-type': 'atomic' } as const

const condition = z.strictObject({
  type: z.string().min(1).max(64).describe('Kind of condition.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  observedGeneration: z.int().min(0).optional().describe('Generation of the spec that was judged.'),
  lastTransitionTime: z.iso.datetime({ offset: true }).describe('When status last changed.'),
  reason: z.string().min(1).max(128).describe('One word, CamelCase.'),
  message: z.string().max(1024).describe('One sentence that says the mend.'),
})

export const statusSchema = z
  .strictObject({
    observedGeneration: z.int().min(0).optional().describe('Generation of the spec that was judged last.'),
    conditions: z
      .array(condition)
      .max(16)
      .meta(listMap('type'))
      .optional()
      .describe('Ready, with the mend where it is not.'),
  })
  .describe('What the broker found; written by the broker.')
