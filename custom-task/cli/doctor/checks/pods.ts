import { type Check, fail, listed, ok, warn } from '../check.ts'
import { NotInstalled, workloadsOf } from '../installation.ts'
import { restartingPods } from '../restarting-pods.ts'
import type { Site } from '../site.ts'

export const pods: Check = {
  name: 'pods',
  async run(site) {
    const workloads = await workloadsOf(site)
    if (workloads.length === 0) throw new NotInstalled(`no workload of the chart in namespace ${site.namespace}`)
    const counted = workloads.map(({ component, ready, replicas }) => `${component} ${ready}/${replicas}`)
    const away = workloads.filter(({ ready }) => ready === 0)
    if (workloads.every(({ ready, replicas }) => ready > 0 && ready >= replicas))
      return ok(`Ready: ${listed(counted)}.`)
    const mend = await mendOf(site)
    if (away.length > 0) return fail(`No pod is ready of ${listed(away.map(({ component }) => component))}.`, mend)
    return warn(`Ready: ${listed(counted)}.`, mend)
  },
}

/** What a container said before it stopped is in its log alone. */
async function mendOf(site: Site): Promise<string> {
  const generic = `kubectl describe pods -n ${site.namespace} says why; kubectl scale where somebody set replicas to 0.`
  const [first] = await restartingPods(site)
  return first === undefined
    ? generic
    : `kubectl logs -n ${site.namespace} ${first} --previous says why it stops again.`
}
