import { kube } from '../harness/cluster.ts'
import { waitFor } from '../harness/wait.ts'
import { release, system } from './names.ts'

const root = '/apis/admissionregistration.k8s.io/v1'

/** Where policy and binding of ours are, by the end of their name. */
export const policyPath = (name: string) => `${root}/validatingadmissionpolicies/${release}-${name}`
export const bindingPath = (name: string) => `${root}/validatingadmissionpolicybindings/${release}-${name}`

/**
 * Does something that a policy would refuse, while it only audits.
 *
 * @param work tried until the API server has taken up the change
 */
export async function withoutPolicy<T>(name: string, work: () => Promise<T>): Promise<T> {
  const client = await kube()
  const set = (validationActions: readonly string[]) => client.patch(bindingPath(name), { spec: { validationActions } })
  await set(['Audit'])
  try {
    return await waitFor(`policy ${name} refuses nothing`, async (report) => {
      return await work().then(
        (value) => ({ value }),
        (error: Error) => void report(error.message),
      )
    }).then(({ value }) => value)
  } finally {
    await set(['Deny'])
  }
}

/** What the broker says about the admission policies: empty while they are in force. */
export async function brokerDoubts(): Promise<string> {
  const text = await (await kube()).text(`/api/v1/namespaces/${system}/pods/${release}-0:9090/proxy/readyz`)
  return text.split('\n').find((line) => line.startsWith('no run of cluster')) ?? ''
}

/** Resolves when the broker says so. */
export async function untilBrokerSays(pattern: RegExp): Promise<string> {
  return await waitFor(`the broker says ${pattern}`, async (report) => {
    const doubts = await brokerDoubts()
    report(doubts)
    return pattern.test(doubts) ? { doubts } : undefined
  }).then(({ doubts }) => doubts)
}

export const inForce = /^$/

/** Nothing that is made sooner after a change of labels or policies is verified: API servers take them up in their time. */
const settlingMs = 6500

/** Asks for verified runs in a namespace. Resolves when what is made from now on can be verified. */
export async function verifyNamespace(namespace: string): Promise<void> {
  const client = await kube()
  const labels = { 'tokenbroker.dev/verified': 'true' }
  await client.patch(`/api/v1/namespaces/${namespace}`, { metadata: { labels } })
  const from = Date.now() + settlingMs
  await untilBrokerSays(inForce)
  await waitFor('what is made now is younger than the label', async () => Date.now() > from)
}
