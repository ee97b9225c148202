import { isAtLeast } from '../assurance.ts'
import { requirementsFor } from '../requirements.ts'
import type { Rule } from '../rule.ts'

export const limitsRequire = {
  name: 'limits-require',
  explain: 'What the provider demands of every policy for these scopes holds.',
  check({ run, provider, scopes }) {
    const unmet = requirementsFor(provider, scopes).find(({ assurance }) => {
      return assurance !== undefined && !isAtLeast(run.assurance, assurance)
    })
    if (unmet === undefined) return undefined
    const detail = `the run is ${run.assurance} and limits.require of provider ${provider.name} asks for ${unmet.assurance}`
    return {
      reason: 'run_assurance_too_low',
      detail,
      mend: 'The provider asks for a run of a higher assurance than this one has: see the guide on provenance for what makes a run verified',
    }
  },
} satisfies Rule
