import { z } from 'zod'
import { byUpgrade, type Check, fail, ok } from '../check.ts'
import { brokerSettingsOf } from '../installation.ts'

const discovery = z.object({ issuer: z.string() })

/** The broker refuses every ServiceAccount token whose `iss` it does not know, before any I/O. */
export const clusterIssuer: Check = {
  name: 'cluster issuer',
  async run(site) {
    const { clusters } = await brokerSettingsOf(site)
    const { status, body } = await site.page('/.well-known/openid-configuration')
    const parsed = discovery.safeParse(body)
    if (!parsed.success) {
      return fail(
        `The API server's discovery document was answered ${status} without an issuer.`,
        'Look at --service-account-issuer of the API server.',
      )
    }
    const { issuer } = parsed.data
    // A cluster without an issuer takes the one that is published here.
    if (clusters.some((cluster) => (cluster.issuer ?? issuer) === issuer))
      return ok(`ServiceAccount tokens come from ${issuer}.`)
    return fail(
      `ServiceAccount tokens come from ${issuer}, and the broker knows ${clusters.map((one) => one.issuer).join(', ')}.`,
      byUpgrade(`with cluster.issuer=${issuer}`),
    )
  },
}
