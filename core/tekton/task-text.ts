import { z } from 'zod'
import { list, optional } from './fields.ts'

const step = z.looseObject({ name: optional(z.string()), image: optional(z.string()) })

/** What a Task runs, in the parts that are compared. */
export const taskText = optional(
  z.object({
    steps: list(step),
    sidecars: list(step),
    stepTemplate: optional(z.object({ image: optional(z.string()) })),
  }),
).catch(undefined)

export type TaskText = NonNullable<z.output<typeof taskText>>
