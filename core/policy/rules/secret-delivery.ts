import type { Rule } from '../rule.ts'

export const secretDelivery = {
  name: 'secret-delivery',
  explain: 'A token goes into a Secret only where its provider allows that.',
  check({ request, provider }) {
    if (request.deliver !== 'secret' || provider.spec.limits.secretDelivery) return undefined
    return {
      reason: 'secret_delivery_not_allowed',
      detail: `limits.secretDelivery of provider ${provider.name} is false`,
    }
  },
} satisfies Rule
