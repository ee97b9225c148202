import { resources } from '../../../../core/io/kube/api.ts'
import { type Check, ok, warn } from '../check.ts'
import { notReady, shortened } from '../readiness.ts'

/** A policy that is not ready is its team's, and keeps nobody else from a token: a warning. */
export const policies: Check = {
  name: 'policies',
  async run(site) {
    const [own, forMany] = await Promise.all([
      site.objects(resources.tokenPolicies),
      site.objects(resources.clusterTokenPolicies),
    ])
    const all = [...own, ...forMany]
    if (all.length === 0) return ok('There is no TokenPolicy yet.')
    const wrong = notReady(all)
    if (wrong.length === 0) return ok(`${all.length} ready.`)
    return warn(shortened(wrong), 'kubectl get tokenpolicies,clustertokenpolicies -A -o wide says what each needs.')
  },
}
