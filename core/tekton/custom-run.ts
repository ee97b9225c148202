import { z } from 'zod'
import { apiGroup, apiGroupVersion } from '../crd/kind.ts'
import { conditions, isDone, list, metadata, optional, param, time } from './fields.ts'

/** Kind that a `taskRef` names to reach this product. */
export const tokenExchangeKind = 'TokenExchange'

/** Only `spec.status` that Tekton knows for a CustomRun. */
export const cancelledSpecStatus = 'RunCancelled'

const customRun = z.object({
  apiVersion: z.literal('tekton.dev/v1beta1'),
  kind: z.literal('CustomRun'),
  metadata,
  spec: z.object({
    customRef: optional(
      z.object({
        apiVersion: optional(z.string()),
        kind: optional(z.string()),
        name: optional(z.string()),
        resolver: optional(z.string()),
      }),
    ),
    customSpec: optional(z.object({ apiVersion: optional(z.string()), kind: optional(z.string()) })),
    params: list(param),
    serviceAccountName: optional(z.string()),
    timeout: optional(z.string()),
    retries: optional(z.int().min(0)),
    workspaces: list(z.object({ name: z.string() })),
    status: optional(z.string()),
    statusMessage: optional(z.string()),
  }),
  status: z
    .object({
      conditions,
      observedGeneration: optional(z.int()),
      startTime: optional(time),
      completionTime: optional(time),
      results: list(z.object({ name: z.string(), value: z.string() })),
      /** Kept word for word: earlier attempts are only ever appended to. */
      retriesStatus: list(z.looseObject({ completionTime: z.string().optional() })),
      extraFields: optional(z.record(z.string(), z.unknown())),
    })
    .prefault({}),
})

/** The fields of a CustomRun that we use, in Tekton's names. @see https://tekton.dev/docs/pipelines/customruns/ */
export type CustomRun = z.output<typeof customRun>

/** @returns undefined when the object is no CustomRun of a shape that Tekton admits */
export function parseCustomRun(object: unknown): CustomRun | undefined {
  return customRun.safeParse(object).data
}

/**
 * Whether the CustomRun asks for a TokenExchange, by reference or by (refused) embedded spec.
 * With both or neither it is nobody's, and left alone.
 */
export function isOurs(customRun: CustomRun): boolean {
  const type = typeOf(customRun)
  return type?.apiVersion === apiGroupVersion && type.kind === tokenExchangeKind
}

/** Whether the CustomRun names something else in our API group: nobody will ever answer it, and its run would hang. */
export function isMistaken(customRun: CustomRun): boolean {
  const group = typeOf(customRun)?.apiVersion?.split('/')[0]
  return group === apiGroup && !isOurs(customRun)
}

function typeOf({ spec }: CustomRun) {
  if ((spec.customRef === undefined) === (spec.customSpec === undefined)) return undefined
  return spec.customRef ?? spec.customSpec
}

/** What to write instead, for a CustomRun that {@link isMistaken}. */
export function mistakeOf(customRun: CustomRun): string {
  const type = typeOf(customRun)
  if (type?.apiVersion !== apiGroupVersion) {
    return `This version of ${apiGroup} does not have that apiVersion: ${apiGroupVersion} is meant, kind ${tokenExchangeKind}`
  }
  const kind = /^[A-Za-z]{1,63}$/.test(type.kind ?? '') ? `kind ${type.kind}` : 'such kind'
  return `${apiGroupVersion} has no ${kind}: ${tokenExchangeKind} is meant`
}

export function isCustomRunDone(customRun: CustomRun): boolean {
  return isDone(customRun.status.conditions)
}
