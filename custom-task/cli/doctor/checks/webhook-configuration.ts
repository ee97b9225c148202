import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { webhookConfiguration as configurationOf } from '../../../webhook-configuration.ts'
import { byUpgrade, type Check, fail, listed, ok } from '../check.ts'
import { registeredWebhooks } from '../webhooks.ts'

const expectedOf = (name: string) =>
  configurationOf({ name, client: { url: 'https://webhook.invalid' }, excludedNamespaces: [] }).webhooks

const selector = z.object({
  matchExpressions: z
    .array(z.object({ key: z.string(), operator: z.string(), values: z.array(z.string()).default([]) }))
    .default([]),
})

/** Which namespaces are left out by name is the installation's own; everything else is the release's. */
export const webhookConfiguration: Check = {
  name: 'webhook registration',
  async run(site) {
    const { name, webhooks } = await registeredWebhooks(site)
    const wrong = expectedOf(name).flatMap((expected) => {
      const found = webhooks.find((one) => one.name === expected.name)
      if (found === undefined) return [`${expected.name} is missing`]
      const fields = differing(found, expected)
      return fields.length === 0 ? [] : [`${expected.name} has another ${listed(fields)}`]
    })
    if (wrong.length > 0) return fail(`${listed(wrong)} than this release.`, byUpgrade('writes it anew.'))
    return ok('It sees runs as they are made and the pods of TaskRuns, and fails closed where a namespace requires it.')
  },
}

const compared = [
  'failurePolicy',
  'rules',
  'objectSelector',
  'matchConditions',
  'matchPolicy',
  'reinvocationPolicy',
  'sideEffects',
  'timeoutSeconds',
] as const

function differing(
  found: Readonly<Record<string, unknown>>,
  expected: Readonly<Record<string, unknown>>,
): readonly string[] {
  const same = (a: unknown, b: unknown) => isDeepStrictEqual(evened(a), evened(b))
  const fields: string[] = compared.filter((field) => !same(found[field], expected[field]))
  const isSelected = same(byLabel(found['namespaceSelector']), byLabel(expected['namespaceSelector']))
  return isSelected ? fields : [...fields, 'namespaceSelector']
}

function byLabel(value: unknown): unknown {
  const expressions = selector.safeParse(value).data?.matchExpressions ?? []
  return expressions.filter(({ key }) => key !== 'kubernetes.io/metadata.name')
}

/** Line breaks in CEL mean nothing. */
function evened(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null).replaceAll(/(?:\\n|\s)+/g, ' '))
}
