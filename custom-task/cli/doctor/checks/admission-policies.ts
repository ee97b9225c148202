import { z } from 'zod'
import { policyNames } from '../../../../core/admission/policies.ts'
import { byUpgrade, type Check, fail, listed, ok } from '../check.ts'
import { brokerSettingsOf, controllerSettingsOf, labelsOf } from '../installation.ts'
import { looked } from '../resources.ts'
import type { Site } from '../site.ts'

const policy = z.object({ failurePolicy: z.string().default('Fail') })
const binding = z.object({ policyName: z.string(), validationActions: z.array(z.string()).default([]) })

/** ValidatingAdmissionPolicies of the chart: each has to be there, to be bound, to refuse, and to refuse also when it cannot judge. */
export const admissionPolicies: Check = {
  name: 'admission policies',
  async run(site) {
    const isOurs = (labels: Readonly<Record<string, string>>) => labels['app.kubernetes.io/part-of'] === 'tokenbroker'
    const policies = (await site.objects(looked.admissionPolicies)).filter((one) => isOurs(labelsOf(one)))
    const bindings = (await site.objects(looked.admissionBindings)).map(({ spec }) => binding.safeParse(spec).data)
    const names = policies.map(({ metadata }) => metadata.name)
    const missing = (await expectedNames(site)).filter((name) => !names.includes(name))
    const wrong = policies.flatMap(({ metadata: { name }, spec }) => {
      if (policy.safeParse(spec).data?.failurePolicy !== 'Fail') return [`${name} does not fail closed`]
      const denies = bindings.some((one) => one?.policyName === name && one.validationActions.includes('Deny'))
      return denies ? [] : [`${name} has no binding that denies`]
    })
    wrong.unshift(...missing.map((name) => `${name} is missing`))
    if (wrong.length > 0) return fail(`${listed(wrong)}.`, byUpgrade('writes policies and bindings anew.'))
    return ok(`${listed(names)}: bound, and failing closed.`)
  },
}

/** Names of the chart, which names the broker as the release. */
async function expectedNames(site: Site): Promise<readonly string[]> {
  const [{ name, clusters }, { secretDelivery }] = [await brokerSettingsOf(site), await controllerSettingsOf(site)]
  const ofProvenance = clusters.flatMap(({ admission }) =>
    admission === undefined ? [] : policyNames.map((policy) => `${admission.release}-${policy}`),
  )
  const ofPeople = ['run-revocation', 'access-revocation', 'suspended-accounts', 'approvals'].map(
    (end) => `${name}-${end}`,
  )
  return [...ofPeople, ...(secretDelivery ? [`${name}-secrets`] : []), ...ofProvenance]
}
