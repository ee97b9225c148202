import { z } from 'zod'
import { type Check, fail, listed, ok } from '../check.ts'
import { labelsOf } from '../installation.ts'
import { looked } from '../resources.ts'

const policy = z.object({ failurePolicy: z.string().default('Fail') })
const binding = z.object({ policyName: z.string(), validationActions: z.array(z.string()).default([]) })

/** ValidatingAdmissionPolicies of the chart: each has to be bound, to refuse, and to refuse also when it cannot judge. */
export const admissionPolicies: Check = {
  name: 'admission policies',
  async run(site) {
    const isOurs = (labels: Readonly<Record<string, string>>) => labels['app.kubernetes.io/part-of'] === 'tokenbroker'
    const policies = (await site.objects(looked.admissionPolicies)).filter((one) => isOurs(labelsOf(one)))
    if (policies.length === 0) return ok('The chart that is installed ships none.')
    const bindings = (await site.objects(looked.admissionBindings)).map(({ spec }) => binding.safeParse(spec).data)
    const wrong = policies.flatMap(({ metadata: { name }, spec }) => {
      if (policy.safeParse(spec).data?.failurePolicy !== 'Fail') return [`${name} does not fail closed`]
      const denies = bindings.some((one) => one?.policyName === name && one.validationActions.includes('Deny'))
      return denies ? [] : [`${name} has no binding that denies`]
    })
    if (wrong.length > 0) return fail(`${listed(wrong)}.`, 'helm upgrade writes policies and bindings anew.')
    return ok(`${listed(policies.map(({ metadata }) => metadata.name))}: bound, and failing closed.`)
  },
}
