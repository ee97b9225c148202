import { z } from 'zod'
import { type Check, fail, ok } from '../check.ts'

const keySet = z.object({
  keys: z.array(z.object({ kid: z.string().optional(), kty: z.string(), alg: z.string().optional() })),
})
const usable = ['RSA', 'EC']

export const clusterKeys: Check = {
  name: 'cluster keys',
  async run(site) {
    const { status, body } = await site.page('/openid/v1/jwks')
    const keys = keySet.safeParse(body).data?.keys.filter(({ kid, kty }) => kid !== undefined && usable.includes(kty))
    const kids = new Set(keys?.map(({ kid }) => kid))
    if (keys !== undefined && keys.length > 0 && kids.size === keys.length) {
      return ok(
        `The API server publishes ${keys.length} ${keys.length === 1 ? 'key' : 'keys'} for ServiceAccount tokens.`,
      )
    }
    return fail(
      `/openid/v1/jwks was answered ${status} without keys that have a kid each.`,
      'Look at --service-account-key-file of the API server: without its keys no workload can be recognised.',
    )
  },
}
