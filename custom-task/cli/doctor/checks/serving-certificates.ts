import type { X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { resources } from '../../../../core/io/kube/api.ts'
import { authoritiesIn } from '../authorities.ts'
import { type Check, fail, listed, ok } from '../check.ts'
import { NotInstalled, type Workload, workloadsOf } from '../installation.ts'
import { configMap } from '../shapes.ts'
import type { Site } from '../site.ts'
import { registeredWebhooks } from '../webhooks.ts'

const secretData = z.object({ data: z.record(z.string(), z.string()).default({}) })
const mend =
  "Delete the Secret's data where the controller makes certificates (kubectl patch secret … -p '{\"data\":null}') and restart it; else renew them."

/** Needs to read Secrets, which most people may not: then the webhook's answer to a pod says as much of its certificate. */
export const servingCertificates: Check = {
  name: 'serving certificates',
  async run(site) {
    const servers = (await workloadsOf(site)).filter(({ serving }) => serving !== undefined)
    if (servers.length === 0) throw new NotInstalled(`no server of the chart in namespace ${site.namespace}`)
    const problems: string[] = []
    for (const server of servers) {
      const problem = await problemOf(server, site)
      if (problem !== undefined) problems.push(`the ${server.component}'s ${problem}`)
    }
    if (problems.length > 0) return fail(`${listed(problems)}.`, mend)
    return ok(`${listed(servers.map(({ component }) => component))}: valid, and of the published authorities.`)
  },
}

async function problemOf(server: Workload, site: Site): Promise<string | undefined> {
  const { serving } = server
  if (serving === undefined) return undefined
  const secret = await site.object(resources.secrets, { namespace: site.namespace, name: serving.secret })
  const text = secretData.safeParse(secret).data?.data[serving.key]
  const [certificate] = text === undefined ? [] : (authoritiesIn(Buffer.from(text, 'base64').toString('utf8')) ?? [])
  if (certificate === undefined) return `Secret ${serving.secret} has no certificate`
  const now = site.clock()
  if (certificate.validToDate <= now || certificate.validFromDate > now) return 'certificate has ended or not begun'
  const isSigned = (await authoritiesOf(server, site)).some((authority) => certificate.verify(authority.publicKey))
  return isSigned ? undefined : 'certificate is of none of the published authorities'
}

/** By whom its callers verify it: the API server by the bundle, sidecars by the ConfigMap. */
async function authoritiesOf({ component }: Workload, site: Site): Promise<readonly X509Certificate[]> {
  if (component === 'webhook') {
    const { webhooks } = await registeredWebhooks(site)
    return authoritiesIn(Buffer.from(webhooks[0]?.clientConfig.caBundle ?? '', 'base64').toString('utf8')) ?? []
  }
  const maps = await site.objects(resources.configMaps, site.namespace)
  const bundles = maps.map((map) => configMap.safeParse(map).data?.data['ca.crt'] ?? '')
  return bundles.flatMap((bundle) => authoritiesIn(bundle) ?? [])
}
