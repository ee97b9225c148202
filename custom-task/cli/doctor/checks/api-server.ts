import { z } from 'zod'
import { type Check, fail, ok, warn } from '../check.ts'

const versionDocument = z.object({ gitVersion: z.string(), major: z.string(), minor: z.string() })

/** Native sidecars are on by default from here on. @see https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/ */
const firstMinor = 29

export const apiServer: Check = {
  name: 'API server',
  async run(site) {
    const { status, body } = await site.page('/version')
    const parsed = versionDocument.safeParse(body)
    if (!parsed.success) {
      return fail(
        `/version was answered ${status} without a version`,
        'Point the kubeconfig at a Kubernetes API server.',
      )
    }
    const { gitVersion, major, minor } = parsed.data
    const isOld = Number(major) === 1 && Number.parseInt(minor, 10) < firstMinor
    if (!isOld) return ok(`Kubernetes ${gitVersion} answers.`)
    return warn(
      `Kubernetes ${gitVersion} has no native sidecars, which the webhook injects.`,
      `Upgrade to 1.${firstMinor} or later, or declare sidecars by hand.`,
    )
  },
}
