import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { tokenPolicySpec } from '../../../core/crd/token-policy.ts'
import { scopeResourceName } from '../../../core/crd/token-scope.ts'
import { parseCustomRun } from '../../../core/tekton/custom-run.ts'
import { resolveInto } from '../../../core/tekton/into.ts'
import { pipelineSpec } from '../../../core/tekton/pipeline-spec.ts'
import { parseTokenExchangeParams } from '../../../core/tekton/token-exchange-params.ts'
import { customRunObject, present } from '../../core/tekton/objects.ts'

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name?: string; readonly namespace: string }
  readonly spec: unknown
  readonly rules?: readonly { readonly resourceNames: readonly string[] }[]
}

const folder = 'tekton/examples/custom-task'
const manifests = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .flatMap((file) => parseAllDocuments(readFileSync(join(folder, file), 'utf8')))
  .map((document) => document.toJS() as Manifest)

const manifest = (kind: string) => present(manifests.find((one) => one.kind === kind))

describe('the custom task example', () => {
  it('is all in one namespace', () => {
    expect(new Set(manifests.map((one) => one.metadata.namespace))).toEqual(new Set(['payments']))
  })

  it('puts the token of its policy into the task behind', () => {
    const pipeline = pipelineSpec.parse(manifest('Pipeline').spec)
    const [token] = pipeline.tasks
    const customRun = present(parseCustomRun(customRunObject({ spec: { customRef: token?.taskRef } })))
    const params = parseTokenExchangeParams(customRun)

    expect(params).toMatchObject({ ok: true, value: { policies: [manifest('TokenPolicy').metadata.name] } })
    expect(params.ok && resolveInto(pipeline, 'token', params.value)).toEqual({ ok: true, tasks: ['deploy'] })
  })

  it('lets its ServiceAccount ask for every scope of the policy', () => {
    const { scopes, providerRef } = tokenPolicySpec.parse(manifest('TokenPolicy').spec)
    const allowed = manifest('Role').rules?.flatMap((rule) => rule.resourceNames)

    expect(allowed).toEqual(scopes.map((scope) => scopeResourceName(providerRef.name, scope)))
  })
})
