import type { ProvidedInput } from '../../../core/policy/rule.ts'
import { accessTo, factsOf, policyOf, providerOf, run } from './policy-fixture.ts'

/** Input of a rule that nothing is said against, with what a test wants different laid over. */
export function inputOf(changes: Partial<ProvidedInput> = {}): ProvidedInput {
  const { request, subject } = factsOf()
  const asked = changes.scopes ?? ['deploy:staging']
  return {
    request,
    subject,
    run,
    agent: undefined,
    policy: policyOf(),
    provider: providerOf(),
    scopes: asked,
    rbac: accessTo(asked),
    ...changes,
  }
}
