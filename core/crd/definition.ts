import { apiGroup, apiVersion, type KindDefinition, type SpecRule } from './kind.ts'
import { type StructuralSchema, structuralSchema } from './structural-schema.ts'

/** A CustomResourceDefinition of apiextensions.k8s.io/v1, as an object in the order of writing. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1'
  readonly kind: 'CustomResourceDefinition'
  readonly metadata: { readonly name: string }
  readonly spec: object
}

/** Writes the CustomResourceDefinition of one kind. */
export function customResourceDefinition(definition: KindDefinition): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${definition.plural}.${apiGroup}` },
    spec: {
      group: apiGroup,
      scope: definition.scope,
      names: {
        kind: definition.kind,
        listKind: `${definition.kind}List`,
        plural: definition.plural,
        singular: definition.singular,
        ...(definition.shortNames.length > 0 ? { shortNames: definition.shortNames } : {}),
        categories: ['tokenbroker'],
      },
      versions: [version(definition)],
    },
  }
}

function version(definition: KindDefinition): object {
  return {
    name: apiVersion,
    served: true,
    storage: true,
    ...(definition.status === undefined ? {} : { subresources: { status: {} } }),
    ...(definition.columns.length > 0 ? { additionalPrinterColumns: definition.columns } : {}),
    schema: { openAPIV3Schema: objectSchema(definition) },
  }
}

function objectSchema({ kind, spec, status, rules }: KindDefinition): StructuralSchema {
  const specSchema = structuralSchema(spec, 'spec')
  return {
    description: specSchema['description'],
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { description: `Version of the schema: ${apiGroup}/${apiVersion}.`, type: 'string' },
      kind: { description: `Kind of the object: ${kind}.`, type: 'string' },
      metadata: { type: 'object' },
      spec: { ...specSchema, ...(rules.length > 0 ? { 'x-kubernetes-validations': rules.map(validation) } : {}) },
      ...(status === undefined ? {} : { status: structuralSchema(status, 'status') }),
    },
  }
}

function validation({ rule, message, fieldPath }: SpecRule): object {
  return { rule, message, ...(fieldPath === '' ? {} : { fieldPath }) }
}
