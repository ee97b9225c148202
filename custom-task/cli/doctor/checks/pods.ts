import { type Check, fail, listed, ok, warn } from '../check.ts'
import { NotInstalled, workloadsOf } from '../installation.ts'

export const pods: Check = {
  name: 'pods',
  async run(site) {
    const workloads = await workloadsOf(site)
    if (workloads.length === 0) throw new NotInstalled(`no workload of the chart in namespace ${site.namespace}`)
    const counted = workloads.map(({ component, ready, replicas }) => `${component} ${ready}/${replicas}`)
    const away = workloads.filter(({ ready }) => ready === 0)
    const mend = `kubectl describe pods -n ${site.namespace} says why; kubectl scale where somebody set replicas to 0.`
    if (away.length > 0) return fail(`No pod is ready of ${listed(away.map(({ component }) => component))}.`, mend)
    const short = workloads.filter(({ ready, replicas }) => ready < replicas)
    return short.length > 0 ? warn(`Ready: ${listed(counted)}.`, mend) : ok(`Ready: ${listed(counted)}.`)
  },
}
