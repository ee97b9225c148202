import { resources } from '../../../../core/io/kube/api.ts'
import { readLease } from '../../../../core/io/kube/lease-record.ts'
import { type Check, fail, ok } from '../check.ts'
import { brokerSettingsOf } from '../installation.ts'

/** A reader's clock may be behind or ahead. */
const graceMs = 30_000

export const leader: Check = {
  name: 'controller',
  async run(site) {
    const { name } = await brokerSettingsOf(site)
    const lease = `${name}-controller`
    const mend = `kubectl get pods,lease -n ${site.namespace} and the controller's log say why nobody leads.`
    const found = await site.object(resources.leases, { namespace: site.namespace, name: lease })
    const record = found === undefined ? undefined : readLease(found)
    if (record?.holder === undefined || record.renewTime === undefined)
      return fail(`Nobody holds the Lease ${lease}.`, mend)
    const ageMs = site.clock().getTime() - new Date(record.renewTime).getTime()
    if (ageMs > (record.durationSeconds ?? 0) * 1000 + graceMs) {
      return fail(`The Lease ${lease} was renewed ${Math.round(ageMs / 1000)} s ago: no controller leads.`, mend)
    }
    return ok(`${record.holder.split('_', 1)[0]} leads.`)
  },
}
