import { version } from '../../../../core/version.ts'
import { byUpgrade, type Check, listed, ok, warn } from '../check.ts'
import { labelsOf, NotInstalled, versionLabel, workloadsOf } from '../installation.ts'

export const versions: Check = {
  name: 'versions',
  async run(site) {
    const workloads = await workloadsOf(site)
    if (workloads.length === 0) throw new NotInstalled(`no workload of the chart in namespace ${site.namespace}`)
    const found = new Set(workloads.map(({ object }) => labelsOf(object)[versionLabel] ?? 'unknown'))
    if (found.size === 1 && found.has(version)) return ok(`All parts and this command are ${version}.`)
    const each = workloads.map(({ component, object }) => `${component} ${labelsOf(object)[versionLabel] ?? 'unknown'}`)
    return warn(
      `${listed(each)}, this command ${version}.`,
      byUpgrade('to one release of the chart everywhere, and use its command line.'),
    )
  },
}
