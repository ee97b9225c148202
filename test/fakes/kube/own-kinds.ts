import type { z } from 'zod'
import type { KindDefinition } from '../../../core/crd/kind.ts'
import { kinds } from '../../../core/crd/kinds.ts'
import { approvalRule, requirementApprovalRule, requirementRule, selectorRule } from '../../../core/crd/spec-rules.ts'
import type { KubeObject } from '../../../core/io/kube/api.ts'
import type { Admission } from './admission-request.ts'
import { listAt } from './json.ts'
import { builtin } from './resources.ts'
import { type FieldError, invalid } from './status.ts'

/** What each CEL rule of the CRDs says, by its text; a test holds this table against `core/crd/kinds.ts`. */
export const ruleChecks: Readonly<Record<string, (spec: unknown) => boolean>> = {
  false: () => false,
  'has(self.builtin)': (spec) => Object.hasOwn(spec as object, 'builtin'),
  'self.scopes.all(s, self.scopes.exists_one(t, t == s))': (spec) => {
    const scopes = listAt(spec, 'scopes')
    return new Set(scopes).size === scopes.length
  },
  [approvalRule.rule]: (spec) => arePeople((spec as Approving).approval),
  [requirementApprovalRule.rule]: (spec) => requirementsOf(spec).every(({ approval }) => arePeople(approval)),
  [requirementRule.rule]: (spec) =>
    requirementsOf(spec).every(({ assurance, approval }) => assurance !== undefined || approval !== undefined),
  [selectorRule.rule]: (spec) =>
    (listAt(spec, 'namespaceSelector', 'matchExpressions') as readonly Expression[]).every(
      ({ operator, values = [] }) => ['In', 'NotIn'].includes(operator) === values.length > 0,
    ),
}

interface Approving {
  readonly approval?: { readonly groups?: readonly string[] }
  readonly assurance?: string
}

interface Expression {
  readonly operator: string
  readonly values?: readonly string[]
}

function arePeople(approval: Approving['approval']): boolean {
  return (approval?.groups ?? []).every((group) => !group.startsWith('system:serviceaccounts'))
}

function requirementsOf(spec: unknown): readonly Approving[] {
  return listAt(spec, 'limits', 'require') as readonly Approving[]
}

/** Path of a zod issue the way Kubernetes writes it: `spec.scopes[0]`. */
export function fieldPath(root: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, step) => text + (typeof step === 'number' ? `[${step}]` : `.${String(step)}`), root)
}

export function fieldErrors(root: string, error: z.ZodError): readonly FieldError[] {
  return error.issues.flatMap((issue): FieldError[] => {
    if (issue.code !== 'unrecognized_keys') {
      return [{ field: fieldPath(root, issue.path), message: `Invalid value: ${issue.message}` }]
    }
    return issue.keys.map((key) => ({
      field: fieldPath(root, [...issue.path, key]),
      message: 'Invalid value: unknown field',
    }))
  })
}

function parsed(root: string, schema: z.ZodType, value: unknown, errors: FieldError[]): unknown {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  errors.push(...fieldErrors(root, result.error))
  return value
}

function brokenRules(kind: KindDefinition, spec: unknown): readonly FieldError[] {
  const broken = kind.rules.filter(({ rule }) => ruleChecks[rule]?.(spec) === false)
  return broken.map(({ message, fieldPath: path }) => ({ field: `spec${path}`, message: `Invalid value: ${message}` }))
}

/** The one rule of the chart's admission policy that the broker tries; it holds where the policy is there. */
function refuseBornDecided(object: KubeObject, resource: Admission['resource'], storage: Admission['storage']): void {
  const [binding] = storage.list(builtin('validatingadmissionpolicybindings'), undefined)
  if (binding === undefined || listAt(object.spec, 'decisions').length === 0) return
  const { name } = binding.metadata
  const message = `ValidatingAdmissionPolicy '${name}' with binding '${name}' denied request: born without decisions`
  throw invalid(resource, object.metadata.name, [{ field: '', message }])
}

/** Holds our own kinds against the schemas their CRDs are generated from: unknown fields are refused, defaults filled in. */
export function admitOwnKind({ resource, object, current, storage }: Admission): KubeObject {
  const kind: KindDefinition | undefined = kinds.find((candidate) => candidate.plural === resource.plural)
  if (kind === undefined) throw new TypeError(`no kind definition for ${resource.plural}`)
  const { apiVersion, kind: name, metadata, spec, status, ...others } = object
  const errors: FieldError[] = Object.keys(others).map((field) => ({ field, message: 'Invalid value: unknown field' }))
  const admitted = {
    apiVersion,
    kind: name,
    metadata,
    spec: parsed('spec', kind.spec, spec ?? {}, errors),
    ...(status === undefined || kind.status === undefined
      ? {}
      : { status: parsed('status', kind.status, status, errors) }),
  }
  if (errors.length === 0) errors.push(...brokenRules(kind, admitted.spec))
  if (errors.length > 0) throw invalid(resource, metadata.name, errors)
  if (current === undefined && resource.plural === 'tokenapprovals') refuseBornDecided(admitted, resource, storage)
  return admitted
}
