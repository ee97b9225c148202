import { z } from 'zod'

/** Go writes an absent value as a missing key, other clients as null; both are undefined to us. */
export function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value): z.output<T> | undefined => value ?? undefined)
}

/** Go's JSON of a nil slice is null or nothing; both are the empty list. */
export function list<T extends z.ZodType>(item: T) {
  return z
    .array(item)
    .nullish()
    .transform((value): readonly z.output<T>[] => value ?? [])
}

/** metav1.Time. */
export const time = z.iso.datetime({ offset: true }).transform((text) => new Date(text))

const ownerReference = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  name: z.string(),
  uid: z.string(),
  controller: optional(z.boolean()),
})

export type Owner = z.output<typeof ownerReference>

export const metadata = z.object({
  name: z.string().min(1),
  namespace: z.string().min(1),
  uid: z.string().min(1),
  generation: optional(z.int()),
  creationTimestamp: optional(time),
  deletionTimestamp: optional(time),
  labels: optional(z.record(z.string(), z.string())),
  annotations: optional(z.record(z.string(), z.string())),
  ownerReferences: list(ownerReference),
  finalizers: list(z.string()),
})

export type Metadata = z.output<typeof metadata>

/** The one owner that is marked as controller; Kubernetes admits no second. */
export function controllerOf(object: Metadata): Owner | undefined {
  return object.ownerReferences.find((owner) => owner.controller === true)
}

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: optional(z.string()),
  message: optional(z.string()),
  lastTransitionTime: optional(time),
})

export type Condition = z.output<typeof condition>

export const conditions = list(condition)

/** The condition that says whether a run goes on (Unknown), went well (True) or not (False). */
export function succeeded(all: readonly Condition[]): Condition | undefined {
  return all.find((one) => one.type === 'Succeeded')
}

/** True once `Succeeded` is True or False: the run has ended, whatever came of it. */
export function isDone(all: readonly Condition[]): boolean {
  const status = succeeded(all)?.status
  return status === 'True' || status === 'False'
}

export const paramValue = z.union([z.string(), z.array(z.string()), z.record(z.string(), z.string())])

/** A param's value: string, array or object of strings. */
export type ParamValue = z.output<typeof paramValue>

export const param = z.object({ name: z.string(), value: paramValue })

export type Param = z.output<typeof param>
