import type { X509Certificate } from 'node:crypto'
import { authoritiesIn } from '../authorities.ts'
import { type Check, fail, listed, ok } from '../check.ts'
import { registeredWebhooks } from '../webhooks.ts'

const mend = 'Restart the controller, which publishes its authorities anew; else see certificates.source of the chart.'

/** The API server calls the webhook only when its certificate is of one of these. */
export const webhookAuthorities: Check = {
  name: 'webhook CA bundle',
  async run(site) {
    const { webhooks } = await registeredWebhooks(site)
    const now = site.clock()
    const wrong = webhooks.flatMap(({ name, clientConfig }) => {
      const problem = problemOf(Buffer.from(clientConfig.caBundle, 'base64').toString('utf8'), now)
      return problem === undefined ? [] : [`${name}: ${problem}`]
    })
    if (wrong.length > 0) return fail(`${listed(wrong)}.`, mend)
    return ok(`Both webhooks have authorities that are valid.`)
  },
}

function problemOf(pem: string, now: Date): string | undefined {
  if (pem === '') return 'the bundle is empty'
  const authorities = authoritiesIn(pem)
  if (authorities === undefined) return 'the bundle is no PEM certificate'
  return authorities.some((one) => isValid(one, now)) ? undefined : 'every authority in the bundle has ended'
}

function isValid(certificate: X509Certificate, now: Date): boolean {
  return certificate.validFromDate <= now && now < certificate.validToDate
}
