import { type Check, fail, ok } from '../check.ts'
import { brokerSettingsOf } from '../installation.ts'

export const brokerReady: Check = {
  name: 'broker',
  async run(site) {
    const { name } = await brokerSettingsOf(site)
    const { status, text, body } = await site.ask({ name: `${name}-metrics`, port: 'metrics' }, '/readyz')
    if (status === 200) return ok('The broker is ready to issue tokens.')
    // What the API server says of a broker that it cannot reach is JSON, the broker's own reasons are lines.
    if (body !== undefined || status === 502 || status === 504) {
      return fail(
        `The API server finds no broker behind the Service ${name}-metrics (${status}).`,
        `kubectl get pods,endpointslices -n ${site.namespace} shows whether one runs.`,
      )
    }
    const reasons = text.trim().split('\n').slice(0, 3).join(' ')
    return fail(
      `The broker is not ready: ${reasons}`,
      `Mend what it names; kubectl logs -n ${site.namespace} ${name}-0 says more.`,
    )
  },
}
