import type { z } from 'zod'

export const apiGroup = 'tokenbroker.dev'
export const apiVersion = 'v1alpha1'
export const apiGroupVersion = `${apiGroup}/${apiVersion}`

/** CEL rule on `spec`. @see https://kubernetes.io/docs/reference/using-api/cel/ */
export interface SpecRule {
  readonly rule: string
  readonly message: string
  /** Relative to `spec`; empty for `spec` itself. */
  readonly fieldPath: string
}

export interface PrinterColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'boolean' | 'date'
  readonly jsonPath: string
  readonly priority?: number
}

/** All that the generator needs to write a CustomResourceDefinition. */
export interface KindDefinition {
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly scope: 'Namespaced' | 'Cluster'
  readonly spec: z.ZodType
  readonly status: z.ZodType | undefined
  readonly rules: readonly SpecRule[]
  readonly columns: readonly PrinterColumn[]
}
