import { isTtlEnforceable } from '../lifetime.ts'
import type { Rule } from '../rule.ts'
import { ttlSeconds } from '../ttl.ts'

export const ttlEnforceable = {
  name: 'ttl-enforceable',
  explain: 'No token of the provider outlives the ttl of the policy, or the policy accepts that.',
  check({ policy, provider, request, agent }) {
    if (provider.lifetime === undefined) return undefined
    // Who asks for less is content with less; what policy and provider say has to hold.
    const unhurried = { ...request, requestedExpirySeconds: undefined }
    const asked = {
      ttlSeconds: ttlSeconds({ policy, provider, agent, request: unhurried }),
      allowLongerUpstream: policy.spec.allowLongerUpstream,
    }
    if (isTtlEnforceable(asked, provider.lifetime)) return undefined
    return { reason: 'ttl_not_enforceable', detail: `provider ${provider.name} cannot issue as short, nor revoke` }
  },
} satisfies Rule
