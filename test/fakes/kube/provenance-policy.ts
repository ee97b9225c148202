import { at, isObject, listAt, textAt } from './json.ts'
import { type ApiResource, builtin } from './resources.ts'
import { ApiError } from './status.ts'
import type { Storage } from './storage.ts'

/**
 * One policy of those that can be installed, as the API server enforces it: nobody creates a pod or a run with an owner of
 * `tekton.dev`. (The server runs no CEL; what the expressions say is tried on a real one.)
 *
 * @throws ApiError 403 as a ValidatingAdmissionPolicy refuses
 */
export function enforceProvenance(storage: Storage, { plural, group }: ApiResource, body: unknown): void {
  if (plural !== 'pods' && group !== 'tekton.dev') return
  const binding = storage.list(builtin('validatingadmissionpolicybindings'), undefined).find(({ spec }) => {
    const policyName = textAt(spec, 'policyName') ?? ''
    const isThere = storage.get(builtin('validatingadmissionpolicies'), undefined, policyName) !== undefined
    return isThere && policyName.endsWith('-provenance') && listAt(spec, 'validationActions').includes('Deny')
  })
  const metadata = isObject(body) ? at(body, 'metadata') : undefined
  const owners = listAt(metadata, 'ownerReferences')
  if (binding === undefined || !owners.some((one) => textAt(one, 'apiVersion')?.startsWith('tekton.dev/'))) return
  const name = binding.metadata.name
  const policy = textAt(binding.spec, 'policyName')
  const message = `ValidatingAdmissionPolicy '${policy}' with binding '${name}' denied request: only Tekton does that`
  const object = textAt(metadata, 'name') ?? ''
  const subject = group === '' ? plural : `${plural}.${group}`
  throw new ApiError(403, 'Forbidden', `${subject} "${object}" is forbidden: ${message}`, {
    name: object,
    kind: plural,
    causes: [{ message }],
  })
}
