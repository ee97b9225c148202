import { z } from 'zod'
import { resources } from '../../../../core/io/kube/api.ts'
import { type Check, fail, ok, warn } from '../check.ts'
import { looked } from '../resources.ts'
import { configMap } from '../shapes.ts'
import { MayNotLook } from '../site.ts'

const servedVersions = z.object({ versions: z.array(z.object({ name: z.string(), served: z.boolean() })) })

/** The namespace of Tekton's release. */
export const tektonNamespace = 'tekton-pipelines'

const { group, plural, version } = resources.customRuns

export const tekton: Check = {
  name: 'Tekton',
  async run(site) {
    const definition = await site.object(looked.definitions, { name: `${plural}.${group}` })
    const versions = servedVersions.safeParse(definition?.spec).data?.versions ?? []
    if (!versions.some(({ name, served }) => name === version && served)) {
      return fail(`CustomRuns are not served as ${group}/${version}.`, 'Install Tekton Pipelines 0.47 or later.')
    }
    const info = await site
      .object(resources.configMaps, { namespace: tektonNamespace, name: 'pipelines-info' })
      .catch((error: unknown) => {
        if (error instanceof MayNotLook) return undefined
        throw error
      })
    const release = configMap.safeParse(info).data?.data['version']
    if (release !== undefined) return ok(`Tekton Pipelines ${release} serves CustomRuns.`)
    return warn(
      'Tekton serves CustomRuns, but does not say its version.',
      `The right to get configmaps in namespace ${tektonNamespace} shows it, where Tekton is installed there.`,
    )
  },
}
