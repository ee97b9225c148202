import { z } from 'zod'
import { resources } from '../../../../core/io/kube/api.ts'
import { authoritiesIn } from '../authorities.ts'
import { byUpgrade, type Check, fail, ok } from '../check.ts'
import { brokerSettingsOf, labelsOf } from '../installation.ts'

const clientConfig = z.object({ clientConfig: z.object({ caBundle: z.string().default('') }) })

/** EventListeners call the interceptor only over https, with its authorities: the label makes them read these. */
export const eventInterceptor: Check = {
  name: 'event interceptor',
  async run(site) {
    const { name, interceptor } = await brokerSettingsOf(site)
    if (interceptor === undefined) return ok('No events are verified here: interceptor.enabled of the chart is false.')
    const found = await site.object(resources.clusterInterceptors, { name: `${name}-events` })
    if (found === undefined) return fail(`There is no ClusterInterceptor ${name}-events.`, byUpgrade('makes it anew.'))
    const pem = Buffer.from(clientConfig.safeParse(found['spec']).data?.clientConfig.caBundle ?? '', 'base64')
    const isTrusted = authoritiesIn(pem.toString('utf8'))?.some(({ validToDate }) => site.clock() < validToDate)
    const isHttps = labelsOf(found)['server/type'] === 'https'
    if (isHttps && isTrusted) return ok('EventListeners know its authorities.')
    const mend = 'Restart the controller, which writes both; with certificates.source existing the chart does.'
    // Tekton's own adapter stops at such an object, for every EventListener there is.
    if (isHttps) return fail('It has label server/type: https and no valid caBundle: no EventListener starts.', mend)
    return fail('It has no label server/type: https, so no event arrives.', mend)
  },
}
