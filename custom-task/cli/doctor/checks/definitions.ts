import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { customResourceDefinition } from '../../../../core/crd/definition.ts'
import { apiVersion } from '../../../../core/crd/kind.ts'
import { kinds } from '../../../../core/crd/kinds.ts'
import { type Check, fail, listed, ok } from '../check.ts'
import { looked } from '../resources.ts'
import { conditions } from '../shapes.ts'

const versions = z.object({
  versions: z.array(
    z.object({ name: z.string(), served: z.boolean(), schema: z.object({ openAPIV3Schema: z.unknown() }).optional() }),
  ),
})

const apply = 'kubectl apply --server-side --force-conflicts -f charts/crds (helm upgrade leaves CRDs as they are).'

export const definitions: Check = {
  name: 'CRDs',
  async run(site) {
    const wrong: string[] = []
    for (const kind of kinds) {
      const expected = customResourceDefinition(kind)
      const { name } = expected.metadata
      const found = await site.object(looked.definitions, { name })
      const problem = found === undefined ? 'is missing' : problemOf(found, expected)
      if (problem !== undefined) wrong.push(`${name} ${problem}`)
    }
    if (wrong.length > 0) return fail(`${listed(wrong)}.`, apply)
    return ok(`${kinds.length} kinds are served as ${apiVersion}, with the schemas of this release.`)
  },
}

function problemOf(
  found: { readonly spec?: unknown; readonly status?: unknown },
  expected: { readonly spec: object },
): string | undefined {
  const established = conditions.parse(found.status ?? {}).conditions.find(({ type }) => type === 'Established')
  if (established?.status !== 'True') return 'is not established'
  const version = (spec: unknown) =>
    versions.safeParse(spec).data?.versions.find(({ name, served }) => name === apiVersion && served)
  const served = version(found.spec)
  if (served === undefined) return `does not serve ${apiVersion}`
  const schemaOf = (one: ReturnType<typeof version>) => kept(one?.schema?.openAPIV3Schema)
  const isSame = isDeepStrictEqual(schemaOf(served), schemaOf(version(expected.spec)))
  return isSame ? undefined : 'has the schema of another release'
}

/** As the API server keeps it: without what is undefined, and without empty lists of properties. */
function kept(value: unknown): unknown {
  const isEmpty = (one: unknown) => typeof one === 'object' && one !== null && Object.keys(one).length === 0
  return JSON.parse(
    JSON.stringify(value ?? null, (key, one) => (key === 'properties' && isEmpty(one) ? undefined : one)),
  )
}
