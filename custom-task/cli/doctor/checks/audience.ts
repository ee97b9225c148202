import { byUpgrade, type Check, fail, listed, ok } from '../check.ts'
import { brokerSettingsOf, NotInstalled, webhookSettingsOf, workloadsOf } from '../installation.ts'
import type { Site } from '../site.ts'

/** A pod's token is for the broker alone: its audience is the broker's issuer, letter by letter. */
export const audience: Check = {
  name: 'audience',
  async run(site) {
    const { issuer } = await brokerSettingsOf(site)
    const asked = [...(await askedByController(site)), ...(await askedByWebhook(site))]
    const wrong = asked.filter(({ value }) => value !== issuer)
    if (wrong.length === 0) return ok(`Every part asks for tokens with the audience ${issuer}.`)
    return fail(
      `The broker is ${issuer}, but ${listed(wrong.map(({ who, value }) => `the ${who} asks for ${value}`))}.`,
      byUpgrade('with one issuer.url; a copied audience in webhook.config or a Task must be the same.'),
    )
  },
}

interface Asked {
  readonly who: string
  readonly value: string
}

async function askedByController(site: Site): Promise<readonly Asked[]> {
  const controllers = (await workloadsOf(site)).filter(({ component }) => component === 'controller')
  return controllers.flatMap(({ audiences }) => audiences.map((value) => ({ who: 'controller', value })))
}

/** The webhook is an option of the chart. */
async function askedByWebhook(site: Site): Promise<readonly Asked[]> {
  try {
    return [{ who: 'webhook', value: (await webhookSettingsOf(site)).broker.audience }]
  } catch (error) {
    if (error instanceof NotInstalled) return []
    throw error
  }
}
