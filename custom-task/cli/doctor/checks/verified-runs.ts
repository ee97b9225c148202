import { byUpgrade, type Check, ok, warn } from '../check.ts'
import { brokerSettingsOf } from '../installation.ts'

/** Whether the broker takes the admission policies for in force, in its own words: without them no run is `verified`. */
export const verifiedRuns: Check = {
  name: 'verified runs',
  async run(site) {
    const { name, clusters } = await brokerSettingsOf(site)
    if (clusters.every(({ admission }) => admission === undefined)) {
      return warn(
        'No run is verified: the chart was installed without its admission policies.',
        byUpgrade('with admission.enabled=true installs them.'),
      )
    }
    const { text } = await site.ask({ name: `${name}-metrics`, port: 'metrics' }, '/readyz')
    const doubts = text.split('\n').filter((line) => line.startsWith('no run of cluster '))
    if (doubts.length === 0) return ok('Runs of namespaces labelled tokenbroker.dev/verified=true can be verified.')
    return warn(`The broker says: ${doubts.join('; ')}.`, byUpgrade('writes policies, bindings and rights anew.'))
  },
}
