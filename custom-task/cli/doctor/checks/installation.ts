import { type Check, fail, listed, ok } from '../check.ts'
import { type Component, workloadsOf } from '../installation.ts'

const needed: readonly Component[] = ['broker', 'controller']

export const installation: Check = {
  name: 'installation',
  async run(site) {
    const workloads = await workloadsOf(site)
    const missing = needed.filter((component) => !workloads.some((one) => one.component === component))
    if (missing.length > 0) {
      return fail(
        `Namespace ${site.namespace} has no ${listed(missing)} of the chart.`,
        'Name the namespace of the release with --namespace, or helm install it.',
      )
    }
    return ok(`${listed(workloads.map(({ component, name }) => `${component} ${name}`))} in ${site.namespace}.`)
  },
}
