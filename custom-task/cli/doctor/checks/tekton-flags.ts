import { resources } from '../../../../core/io/kube/api.ts'
import { type Check, type Finding, ok, warn } from '../check.ts'
import { configMap } from '../shapes.ts'
import { tektonNamespace } from './tekton.ts'

/** A step must not start before a sidecar that its Task declares by hand: all three, or nobody waits for it. */
const waits = ['running-in-environment-with-injected-sidecars', 'await-sidecar-readiness'] as const

export const tektonFlags: Check = {
  name: 'Tekton flags',
  async run(site) {
    const found = await site.object(resources.configMaps, { namespace: tektonNamespace, name: 'feature-flags' })
    if (found === undefined) {
      return warn(`There is no ConfigMap feature-flags in ${tektonNamespace}.`, 'Look where Tekton is installed.')
    }
    return judge(configMap.safeParse(found).data?.data ?? {})
  },
}

function judge(flags: Readonly<Record<string, string>>): Finding {
  const isNative = flags['enable-kubernetes-sidecar'] === 'true'
  const off = waits.filter((flag) => flags[flag] === 'false')
  if (isNative || off.length === 0) {
    return ok(`Sidecars declared by hand are ${isNative ? 'native and start' : 'waited for'} before the steps.`)
  }
  return warn(
    `${off.join(' and ')} ${off.length > 1 ? 'are' : 'is'} false: steps do not wait for a sidecar declared by hand.`,
    'Set enable-kubernetes-sidecar to "true", keep a gate as first step, or let the webhook inject.',
  )
}
