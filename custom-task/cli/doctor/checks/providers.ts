import { resources } from '../../../../core/io/kube/api.ts'
import { byUpgrade, type Check, fail, ok, warn } from '../check.ts'
import { notReady, shortened } from '../readiness.ts'

export const providers: Check = {
  name: 'providers',
  async run(site) {
    const all = await site.objects(resources.clusterTokenProviders)
    if (all.length === 0) {
      return warn(
        'There is no ClusterTokenProvider.',
        byUpgrade('with issuer.audiences and issuer.scopes makes builtin.'),
      )
    }
    const wrong = notReady(all)
    if (wrong.length > 0) return fail(shortened(wrong), 'kubectl describe clustertokenproviders says what each needs.')
    return ok(`${all.length} ready.`)
  },
}
