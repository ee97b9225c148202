import { annotationPrefix } from './names.ts'
import type { PodWishes } from './pod-annotations.ts'
import type { KnownPolicies } from './policy-facts.ts'
import { providerKind } from './provider-kinds.ts'
import type { Complaint, MergedAsks, TokenAsk } from './token-ask.ts'

/** The annotation's forms, added to the tokens that they are for. */
export function withForms(asks: readonly TokenAsk[], forms: PodWishes['forms']): MergedAsks {
  const names = asks.map((ask) => ask.name)
  const complaints = forms.flatMap(({ token, preset }): readonly Complaint[] => {
    if (token === undefined) {
      return asks.length === 1
        ? []
        : [`${annotationPrefix}as does not say which token is for ${preset}: write ${names[0]}=${preset}`]
    }
    return names.includes(token)
      ? []
      : [`${annotationPrefix}as names token ${token}: the pod asks for ${names.join(', ')}`]
  })
  const formed = asks.map((ask) => {
    const own = forms.filter(({ token }) => token === undefined || token === ask.name).map(({ preset }) => preset)
    return { ...ask, as: [...new Set([...ask.as, ...own])] }
  })
  return { asks: formed, complaints }
}

/**
 * Binds forms to what the policy says: a file for a host has to hold a token for that host. The sidecar asks for the
 * audience by name from then on, so that a policy changed meanwhile is a refusal and no token in the wrong file.
 */
export function withTargets(asks: readonly TokenAsk[], policies: KnownPolicies): MergedAsks {
  const complaints: Complaint[] = []
  const bound = asks.map((ask): TokenAsk => {
    const facts = policies.get(ask.policy)
    const kind = providerKind(facts?.provider)
    const as = ask.as.length > 0 || kind?.form === undefined ? ask.as : [kind.form]
    if (as.length === 0) return ask
    if (facts === undefined) {
      complaints.push(`policy ${ask.policy}, whose token is to be presented as ${as.join(', ')}, is missing: create it`)
      return ask
    }
    const audience = ask.audience ?? facts.audience
    return { ...ask, as, audience, target: { audience, scopes: ask.scopes ?? facts.scopes, issued: kind?.issued } }
  })
  return { asks: bound, complaints }
}
