import { z } from 'zod'
import { byUpgrade, type Check, fail, ok } from '../check.ts'
import { looked } from '../resources.ts'
import { registeredWebhooks } from '../webhooks.ts'

const ports = z.object({ ports: z.array(z.object({ port: z.number() })).default([]) })
const slice = z.object({
  endpoints: z
    .array(z.object({ conditions: z.object({ ready: z.boolean().optional() }).default({}) }))
    .nullish()
    .transform((endpoints) => endpoints ?? []),
})

export const webhookService: Check = {
  name: 'webhook endpoints',
  async run(site) {
    const { webhooks } = await registeredWebhooks(site)
    const target = webhooks[0]?.clientConfig.service
    if (target === undefined) return fail('The webhook registration leads to no Service.', byUpgrade('writes it anew.'))
    const { name, port, namespace } = target
    const service = await site.object(looked.services, { namespace, name })
    if (!ports.safeParse(service?.spec).data?.ports.some((one) => one.port === port)) {
      return fail(`There is no Service ${name} with port ${port}.`, byUpgrade('makes it anew.'))
    }
    const slices = (await site.objects(looked.endpointSlices, namespace)).filter(
      ({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name,
    )
    const ready = slices
      .flatMap((one) => slice.safeParse(one).data?.endpoints ?? [])
      .filter(({ conditions }) => conditions.ready !== false).length
    if (ready > 0) return ok(`${ready} ready behind the Service ${name}.`)
    return fail(
      `No webhook pod is ready behind the Service ${name}: pods start without what they ask for, or not at all.`,
      `kubectl get pods -n ${namespace} -l app.kubernetes.io/component=webhook shows why.`,
    )
  },
}
