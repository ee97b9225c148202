import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { canaryPolicy } from '../../../core/admission/policies.ts'
import { audience, expected, settings } from './installed-fixture.ts'

const shape = z.object({
  failurePolicy: z.string(),
  matchConstraints: z.object({ resourceRules: z.array(z.object({ scope: z.string() })).min(1) }),
  validations: z.array(z.object({ expression: z.string().max(4096), message: z.string(), reason: z.string() })).min(1),
})

describe('expectedPolicies', () => {
  it.each(expected.map((one) => [one.name, one] as const))('%s fails closed, denies, and says why', (name, one) => {
    const { failurePolicy, validations } = shape.parse(one.policy)

    expect(failurePolicy).toBe('Fail')
    expect(one.binding).toMatchObject({ policyName: name, validationActions: ['Deny'] })
    for (const { message, reason } of validations) {
      expect(reason).toBe('Forbidden')
      expect(message).toMatch(/^[a-z].*[^.\n]$/)
    }
  })

  it('has the one that the canary is tried on', () => {
    expect(expected.map(({ name }) => name)).toContain(`${settings.release}-${canaryPolicy}`)
  })

  it('names whoever the settings name', () => {
    const text = JSON.stringify(expected)

    for (const account of [
      ...settings.tektonControllers,
      ...settings.eventListeners,
      settings.broker,
      settings.controller,
    ])
      expect(text).toContain(`system:serviceaccount:${account.replace('/', ':')}`)
    expect(text).toContain(audience)
  })
})

describe('charts/templates/admission', () => {
  it.each(expected.map(({ name }) => name.slice(settings.release.length + 1)))(
    '%s.yaml can be switched off',
    async (name) => {
      const text = await readFile(join(import.meta.dirname, `../../../charts/templates/admission/${name}.yaml`), 'utf8')

      expect(text).toMatch(/^(?:#.*\n)+\{\{- if \.Values\.admission\.enabled \}\}\n/)
      expect(text.match(/^kind: .*$/gm)).toEqual([
        'kind: ValidatingAdmissionPolicy',
        'kind: ValidatingAdmissionPolicyBinding',
      ])
    },
  )
})
