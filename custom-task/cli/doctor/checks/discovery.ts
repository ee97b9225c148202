import { z } from 'zod'
import { type Check, fail, ok } from '../check.ts'
import { brokerSettingsOf } from '../installation.ts'

const document = z.object({ issuer: z.string(), jwks_uri: z.string() })
const keySet = z.object({ keys: z.array(z.object({ kid: z.string() })).min(1) })

/** What APIs verify tokens by. */
export const discovery: Check = {
  name: 'discovery',
  async run(site) {
    const { name, issuer } = await brokerSettingsOf(site)
    const service = { name: `${name}-discovery`, port: 'discovery', scheme: 'https' } as const
    const found = await site.ask(service, '/.well-known/openid-configuration')
    const parsed = document.safeParse(found.body)
    if (!parsed.success) {
      return fail(
        `The discovery document was answered ${found.status}.`,
        `kubectl get endpointslices -n ${site.namespace} shows whether a broker is behind ${service.name}.`,
      )
    }
    if (parsed.data.issuer !== issuer) {
      return fail(
        `The broker that runs says it is ${parsed.data.issuer}, its configuration says ${issuer}.`,
        `kubectl rollout restart -n ${site.namespace} statefulset/${name}: a configuration is read at the start.`,
      )
    }
    const keys = keySet.safeParse((await site.ask(service, '/jwks')).body).data?.keys ?? []
    if (keys.length > 0) return ok(`APIs find the issuer and ${keys.length} ${keys.length === 1 ? 'key' : 'keys'}.`)
    return fail('The broker publishes no keys.', `Look at its log: kubectl logs -n ${site.namespace} ${name}-0`)
  },
}
